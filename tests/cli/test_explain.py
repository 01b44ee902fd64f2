"""A real video is explained by its manifest, and made again in an empty store."""

import json
from pathlib import Path

import pytest
from prefect import tags

from cli.main import run
from flows.avatar_video import avatar_video
from models.contracts import VideoRequest
from models.errors import UnsupportedImage


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


def test_a_video_that_failed_is_explained_by_its_journal(
    store_here: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "text.png").write_text("no picture")
    request = {
        "portrait": {"image": str(tmp_path / "text.png")},
        "speech": {"script": "Mama."},
        "delivery": {"key_prefix": "videos/vid_9"},
    }
    with tags("caller:anna"), pytest.raises(UnsupportedImage):
        avatar_video(VideoRequest.model_validate(request))
    assert run(["explain", "vid_9"]) == 0
    told = capsys.readouterr().out
    assert "asked for by: anna" in told
    assert "failed: image_unsupported: " in told
    assert "stage: check-portrait failed (image_unsupported) in " in told
    assert run(["explain", "vid_9", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["failure"]["code"] == "image_unsupported"
    assert run(["reproduce", "vid_9"]) == 2
    assert "was not made" in capsys.readouterr().err


def test_what_was_never_made_is_named(store_here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["explain", "vid_0"]) == 2
    assert "vid_0 has no manifest" in capsys.readouterr().err
