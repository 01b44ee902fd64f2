"""Segments rendered at once in one process: the same file, the same errors."""

import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from flows.avatar_video import avatar_video
from models import segments
from models.arrays import U8
from models.contracts import VideoRequest
from models.errors import MissingModels
from models.mesh.renderer import MeshPortrait, MeshRenderer
from models.motion.tracks import MotionTrack
from models.renderer import Span
from models.renderers import RENDERERS
from tasks.settings import settings
from tests.encoded import packets
from tests.flows.odd_renderers import offer

SCRIPT = "Papa may buy a blue map. Mama will bring a brown bag. We may be home before them."


class Watched(MeshRenderer):
    """Remembers how many of its segments were under way at the same time."""

    under_way, most = 0, 0
    line = threading.Lock()

    def render(self, prepared: MeshPortrait, motion: MotionTrack, span: Span) -> Iterator[U8]:
        with self.line:
            Watched.under_way += 1
            Watched.most = max(Watched.most, Watched.under_way)
        try:
            time.sleep(0.3)
            yield from super().render(prepared, motion, span)
        finally:
            with self.line:
                Watched.under_way -= 1


class FailsLater(Watched):
    """The first segment would take minutes, the second fails at once."""

    def render(self, prepared: MeshPortrait, motion: MotionTrack, span: Span) -> Iterator[U8]:
        if span.first:
            raise MissingModels("the weights are gone: run `make setup`")
        for batch in super().render(prepared, motion, span):
            time.sleep(1)
            yield batch


@pytest.fixture(autouse=True)
def odd(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name, length_s in (("TARGET_S", 2), ("SHORTEST_S", 1), ("LONGEST_S", 3)):
        monkeypatch.setattr(segments, name, length_s)
    kinds = {"watched": Watched, "fails-later": FailsLater}
    RENDERERS.update({name: offer(kind) for name, kind in kinds.items()})
    Watched.most = 0
    yield
    for name in kinds:
        del RENDERERS[name]
    settings.cache_clear()


def asked(portrait: Path, output: Path, renderer: str) -> VideoRequest:
    return VideoRequest.model_validate(
        {
            "portrait": {"image": str(portrait)},
            "speech": {"script": SCRIPT},
            "look": {"resolution": 256, "fps": "24"},
            "delivery": {"output": str(output), "contact_sheet": False},
            "renderer": renderer,
        }
    )


def at_once(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AVATAR_RENDER_AT_ONCE", str(count))
    settings.cache_clear()


def test_segments_at_once_make_the_same_video(
    store_here: Path, portrait_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_once(1, monkeypatch)
    avatar_video(asked(portrait_file, tmp_path / "one.mp4", "watched"))
    assert Watched.most == 1
    for folder in ("segments", "clips"):
        shutil.rmtree(store_here / folder)
    at_once(3, monkeypatch)
    avatar_video(asked(portrait_file, tmp_path / "three.mp4", "watched"))
    assert Watched.most > 1
    assert packets(tmp_path / "one.mp4") == packets(tmp_path / "three.mp4")


def test_one_that_fails_stops_the_others(
    store_here: Path, portrait_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_once(3, monkeypatch)
    with pytest.raises(MissingModels, match="weights are gone"):
        avatar_video(asked(portrait_file, tmp_path / "talk.mp4", "fails-later"))
    assert Watched.under_way == 0
    assert not list((store_here / "segments").glob("*.mp4"))
