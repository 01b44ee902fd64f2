"""Which videos carry a mark, until one of them is forgotten."""

from pathlib import Path

from models.contracts import Contract
from models.storage import LocalStore
from models.watermark.ledger import (
    Carried,
    Carrier,
    carried_key,
    carrier_key,
    carriers,
    forget,
)

SHARED, OWN = "c0ffee123456", "00000000002a"


def put(document: Contract, key: str, store: LocalStore, folder: Path) -> None:
    file = folder / "document.json"
    file.write_text(document.model_dump_json(), encoding="utf-8")
    store.put(file, key)


def entered(video: str, marks: tuple[str, ...], store: LocalStore, folder: Path) -> None:
    put(Carried(marks=marks), carried_key(video), store, folder)
    for mark in marks:
        put(Carrier(video=video, clip="clips/1.mp4"), carrier_key(mark, video), store, folder)


def test_a_forgotten_video_takes_its_own_marks_along(tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "store")
    entered("vid_1", (SHARED, OWN), store, tmp_path)
    entered("vid_2", (SHARED,), store, tmp_path)
    forget("vid_1", store)
    assert [carrier.video for carrier in carriers(SHARED, store)] == ["vid_2"]
    assert list(carriers(OWN, store)) == []
    assert [entry.key for entry in store.entries("carried/")] == ["carried/vid_2.json"]


def test_what_was_never_marked_is_forgotten_quietly(tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "store")
    forget("vid_1", store)
    assert list(store.entries()) == []
