"""The whole way of a video, on the real renderer, at its smallest."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from flows.avatar_video import avatar_video
from models.arrays import U8
from models.contracts import PortraitSource, VideoRequest, VideoResult
from models.errors import BelowTheBar, EncodeFailed, UnreadableImage
from models.mesh.renderer import MeshPortrait, MeshRenderer
from models.motion.tracks import MotionTrack
from models.renderer import Span
from models.renderers import RENDERERS
from models.storage import LocalStore
from tasks.progress import listening
from tests.flows.odd_renderers import offer
from tests.models.script.conftest import ChatServer, script, server

__all__ = ["server"]

SCRIPT = "Papa may buy a blue map."


class Still(MeshRenderer):
    """Its face never moves."""

    def render(self, prepared: MeshPortrait, motion: MotionTrack, span: Span) -> Iterator[U8]:
        curves = {
            name: np.zeros_like(curve) for name, curve in vars(motion).items() if name != "heard"
        }
        still = MotionTrack(**curves)
        yield from super().render(prepared, still, span)


class FailsOnce(MeshRenderer):
    failures = 0

    def render(self, prepared: MeshPortrait, motion: MotionTrack, span: Span) -> Iterator[U8]:
        if FailsOnce.failures == 0:
            FailsOnce.failures += 1
            raise EncodeFailed("once")
        yield from super().render(prepared, motion, span)


def request(portrait: Path, output: Path, **changes: object) -> VideoRequest:
    given: dict[str, object] = {
        "portrait": {"image": str(portrait)},
        "speech": {"script": SCRIPT},
        "look": {"resolution": 256, "fps": "24"},
        "delivery": {"output": str(output)},
    }
    return VideoRequest.model_validate(given | changes)


def stages_of(request: VideoRequest) -> tuple[VideoResult, set[str]]:
    """The result, and the stages that were run for it."""
    heard: set[str] = set()
    with listening(lambda stage, done, total: heard.add(stage)):
        return avatar_video(request), heard


def test_a_script_becomes_a_video_with_everything_beside_it(
    store_here: Path, portrait_file: Path, tmp_path: Path
) -> None:
    result = avatar_video(request(portrait_file, tmp_path / "out" / "talk.mp4"))
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "talk.mp4",
        "talk.srt",
        "talk.vtt",
        "talk.thumbnail.jpg",
        "talk.sheet.png",
        "talk.manifest.json",
    }
    assert result.quality.passed
    assert (result.width, result.height, str(result.fps)) == (256, 256, "24")
    assert "Papa may buy" in Path(str(result.captions_srt)).read_text()


def test_the_manifest_tells_what_the_video_is_made_of(
    store_here: Path, portrait_file: Path, tmp_path: Path
) -> None:
    asked = request(portrait_file, tmp_path / "talk.mp4")
    manifest = json.loads(Path(avatar_video(asked).manifest).read_text())
    assert VideoRequest.model_validate(manifest["request"]) == asked
    assert set(manifest["inputs"]) == {"portrait", "recording"}
    assert manifest["versions"]["torch"].startswith("2.13")
    assert len(manifest["outputs"][".mp4"]) == 64


def test_the_same_request_again_renders_nothing(
    store_here: Path, portrait_file: Path, tmp_path: Path
) -> None:
    first, stages = stages_of(request(portrait_file, tmp_path / "a.mp4"))
    again, repeated = stages_of(request(portrait_file, tmp_path / "b.mp4"))
    assert "Rendering" in stages
    assert repeated == {"Delivering"}
    assert Path(first.video).read_bytes() == Path(again.video).read_bytes()


def test_another_look_speaks_nothing_anew(
    store_here: Path, portrait_file: Path, tmp_path: Path
) -> None:
    stages_of(request(portrait_file, tmp_path / "a.mp4"))
    look = {"resolution": 256, "fps": "25", "seed": 7}
    _, stages = stages_of(request(portrait_file, tmp_path / "b.mp4", look=look))
    assert "Rendering" in stages
    assert stages.isdisjoint({"Speaking", "Reading the lips", "Looking at the portrait"})


def test_what_is_gone_from_the_store_is_made_again(
    store_here: Path, portrait_file: Path, tmp_path: Path
) -> None:
    first = avatar_video(request(portrait_file, tmp_path / "a.mp4"))
    shutil.rmtree(store_here / "clips")
    again, stages = stages_of(request(portrait_file, tmp_path / "b.mp4"))
    assert "Rendering" in stages
    assert Path(first.video).read_bytes() == Path(again.video).read_bytes()


def test_a_recording_speaks(store_here: Path, portrait_file: Path, tmp_path: Path) -> None:
    avatar_video(request(portrait_file, tmp_path / "a.mp4"))
    (recording,) = (store_here / "speech").glob("*.wav")
    speech = {"audio": str(recording), "transcript": SCRIPT}
    result = avatar_video(request(portrait_file, tmp_path / "b.mp4", speech=speech))
    assert result.quality.passed
    assert "Papa may buy" in Path(str(result.captions_vtt)).read_text()


def test_a_topic_is_written_about_once_and_spoken(
    store_here: Path,
    portrait_file: Path,
    tmp_path: Path,
    server: ChatServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MISTRAL_API_KEY", "a key")
    monkeypatch.setenv("AVATAR_MISTRAL_URL", server.url)
    server.replies = [script(13)]
    speech = {"topic": "Bees", "duration_s": 5}
    result = avatar_video(request(portrait_file, tmp_path / "a.mp4", speech=speech))
    avatar_video(request(portrait_file, tmp_path / "b.mp4", speech=speech))
    assert 3 < result.duration_s < 8
    assert result.quality.passed
    assert len({json.dumps(each) for each in server.requests}) == len(server.requests)


def test_a_video_below_the_bar_is_not_delivered(
    store_here: Path, portrait_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(RENDERERS, "still", offer(Still))
    asked = request(portrait_file, tmp_path / "out" / "talk.mp4", renderer="still")
    with pytest.raises(BelowTheBar, match=r"lip_correlation .* must be >= 0\.90"):
        avatar_video(asked)
    assert not (tmp_path / "out").exists()


def test_a_failure_that_a_retry_can_help_is_tried_again(
    store_here: Path, portrait_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(RENDERERS, "fails-once", offer(FailsOnce))
    asked = request(portrait_file, tmp_path / "talk.mp4", renderer="fails-once")
    assert avatar_video(asked).frames > 0
    assert FailsOnce.failures == 1


def test_no_work_folder_is_left(store_here: Path, portrait_file: Path, tmp_path: Path) -> None:
    avatar_video(request(portrait_file, tmp_path / "talk.mp4"))
    assert list((store_here / ".work").iterdir()) == []


def test_a_key_prefix_holds_all_of_a_video(store_here: Path, portrait_file: Path) -> None:
    store = LocalStore(store_here)
    store.put(portrait_file, "uploads/astronaut.png")
    asked = request(portrait_file, Path(), delivery={"key_prefix": "videos/v1"})
    stored = PortraitSource(image="store:uploads/astronaut.png")
    result = avatar_video(asked.model_copy(update={"portrait": stored}))
    assert {entry.key for entry in store.entries("videos/v1/")} == {
        f"videos/v1/{name}"
        for name in (
            "video.mp4",
            "captions.srt",
            "captions.vtt",
            "thumbnail.jpg",
            "sheet.png",
            "manifest.json",
            "result.json",
            "journal.json",
        )
    }
    assert result.video == "videos/v1/video.mp4"
    kept = store.path("videos/v1/result.json").read_text()
    assert VideoResult.model_validate_json(kept) == result


def test_a_failure_is_told_under_the_key_prefix(store_here: Path, tmp_path: Path) -> None:
    asked = request(tmp_path / "gone.png", Path(), delivery={"key_prefix": "videos/v2"})
    with pytest.raises(UnreadableImage):
        avatar_video(asked)
    kept = {entry.key for entry in LocalStore(store_here).entries("videos/v2/")}
    assert kept == {"videos/v2/error.json", "videos/v2/journal.json"}
    told = json.loads((store_here / "videos/v2/error.json").read_text())
    assert (told["code"], told["retryable"]) == ("image_unreadable", False)
    assert "gone.png" in told["message"]
