"""A real video is explained by its manifest, and made again in an empty store."""

import json
from pathlib import Path

import pytest

from cli.main import run
from flows.avatar_video import avatar_video
from models.contracts import VideoRequest


@pytest.fixture
def video(store_here: Path, portrait_file: Path, tmp_path: Path) -> Path:
    request = {
        "portrait": {"image": str(portrait_file)},
        "speech": {"script": "Papa may buy a blue map."},
        "look": {"resolution": 256},
        "delivery": {"output": str(tmp_path / "talk.mp4")},
    }
    return Path(avatar_video(VideoRequest.model_validate(request)).video)


def test_a_video_is_explained_and_made_again(
    video: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["explain", str(video)]) == 0
    told = capsys.readouterr().out
    assert "file: as it was delivered" in told
    assert "renderer: mesh" in told
    assert run(["reproduce", str(video)]) == 0
    assert "frames are the same" in capsys.readouterr().out
    beside = video.with_suffix(".manifest.json")
    manifest = json.loads(beside.read_text())
    manifest["request"]["look"]["seed"] = 7
    beside.write_text(json.dumps(manifest))
    assert run(["reproduce", str(video)]) == 1
    assert "the versions are the same" in capsys.readouterr().out


def test_what_was_never_made_is_named(store_here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["explain", "vid_0"]) == 2
    assert "vid_0 has no manifest" in capsys.readouterr().err
