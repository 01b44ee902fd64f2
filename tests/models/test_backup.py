"""What is backed up comes back, byte by byte, or not at all."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from models import backup
from models.errors import InvalidRequest, MissingFile
from models.storage import LocalStore

START = datetime(2026, 1, 1, tzinfo=UTC)


def models(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def kept(folder: Path, place: LocalStore, day: int = 0) -> int:
    """How many contents were copied."""
    snapshot = backup.list_files(folder, START + timedelta(days=day))
    copied = backup.copy(folder, snapshot, place)
    backup.write(snapshot, place)
    return copied


def test_the_folder_comes_back(tmp_path: Path) -> None:
    place = LocalStore(tmp_path / "kept")
    kept(models(tmp_path / "models", a="one", b="two"), place)
    backup.restore(place, tmp_path / "again")
    assert {p.name: p.read_text() for p in (tmp_path / "again").iterdir()} == {
        "a": "one",
        "b": "two",
    }


def test_a_content_is_copied_once(tmp_path: Path) -> None:
    place = LocalStore(tmp_path / "kept")
    folder = models(tmp_path / "models", a="one", b="one")
    assert kept(folder, place) == 1
    models(folder, c="three")
    assert kept(folder, place, day=1) == 1


def test_an_older_snapshot_can_be_asked_for(tmp_path: Path) -> None:
    place, folder = LocalStore(tmp_path / "kept"), models(tmp_path / "models", a="old")
    kept(folder, place)
    kept(models(folder, a="new"), place, day=1)
    backup.restore(place, tmp_path / "again", backup.snapshots(place)[0])
    assert (tmp_path / "again" / "a").read_text() == "old"


def test_only_what_the_newest_need_is_kept(tmp_path: Path) -> None:
    place, folder = LocalStore(tmp_path / "kept"), models(tmp_path / "models", a="old", b="same")
    kept(folder, place)
    kept(models(folder, a="new"), place, day=1)
    assert backup.drop_old(place, keep=1) == 1
    assert backup.restore(place, tmp_path / "again").made_at == START + timedelta(days=1)


def test_a_damaged_copy_is_found_and_nothing_is_restored(tmp_path: Path) -> None:
    place = LocalStore(tmp_path / "kept")
    kept(models(tmp_path / "models", a="one"), place)
    (blob,) = (tmp_path / "kept" / "blobs").iterdir()
    blob.write_text("two")
    with pytest.raises(MissingFile, match="damaged"):
        backup.restore(place, tmp_path / "again")
    assert not (tmp_path / "again").exists()


def test_without_a_snapshot_there_is_nothing_to_restore(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="no snapshot"):
        backup.restore(LocalStore(tmp_path / "kept"), tmp_path / "again")
