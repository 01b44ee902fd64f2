"""`avatar verify` on a video of the real flow, also after somebody encoded it again."""

import json
from pathlib import Path

import pytest

from cli.main import run
from flows.avatar_video import avatar_video
from models.contracts import VideoRequest, VideoResult
from tests.models.watermark.foreign import VIDEOS, foreign
from tests.models.watermark.treated import Spoil, as_it_is, cropped, encoded_again, half


@pytest.fixture
def video(store_here: Path, portrait_file: Path) -> VideoResult:
    request = {
        "portrait": {"image": str(portrait_file)},
        "speech": {"script": "My baby brother may be happy to buy a big pump, but people mumble."},
        "look": {"resolution": 512},
        "delivery": {"key_prefix": "videos/vid_7"},
    }
    return avatar_video(VideoRequest.model_validate(request))


def test_one_id_is_in_the_credentials_and_behind_the_mark(
    video: VideoResult, store_here: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = store_here / video.video
    assert run(["verify", str(file), "--json"]) == 0
    original = json.loads(capsys.readouterr().out)
    assert original["credentials"]["video"]["id"] == "vid_7"
    assert [mark["videos"] for mark in original["marks"]] == [["vid_7"]]
    again = encoded_again(file, tmp_path / "again.mp4", as_it_is)
    assert run(["verify", str(again), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["credentials"] is None
    assert [mark["videos"] for mark in found["marks"]] == [["vid_7"]]
    assert found["marks"][0]["payload"] == original["credentials"]["marks"][0]


def test_a_transparent_video_has_its_credentials_beside_it(
    store_here: Path, portrait_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    request = {
        "portrait": {"image": str(portrait_file)},
        "speech": {"script": "My baby may be happy."},
        "look": {
            "resolution": 256,
            "background": {"kind": "transparent"},
            "label": {"text": "AI-generated", "position": "bottom-right"},
        },
        "delivery": {"output": str(tmp_path / "talk.webm")},
    }
    avatar_video(VideoRequest.model_validate(request))
    assert run(["verify", str(tmp_path / "talk.webm"), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["credentials"]["state"] == "Valid"
    assert [mark["payload"] for mark in found["marks"]] == found["credentials"]["marks"]


TREATED: dict[str, tuple[Spoil, slice]] = {
    "encoded again": (as_it_is, slice(None)),
    "half size": (half, slice(None)),
    "cropped": (cropped, slice(None)),
    "trimmed": (as_it_is, slice(10, 90)),
    "all of it": (lambda picture: half(cropped(picture)), slice(10, 110)),
}


def test_what_others_made_of_it_is_still_ours(
    video: VideoResult, store_here: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = {}
    for name, (spoil, keep) in TREATED.items():
        again = encoded_again(store_here / video.video, tmp_path / "again.mp4", spoil, keep)
        code = run(["verify", str(again), "--json"])
        marks = json.loads(capsys.readouterr().out)["marks"]
        found[name] = code, [mark["videos"] for mark in marks]
    assert found == dict.fromkeys(TREATED, (0, [["vid_7"]]))


@pytest.mark.parametrize("name", VIDEOS)
def test_a_foreign_video_is_not_ours(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["verify", str(foreign(name, tmp_path / "foreign.mp4"))]) == 1
    assert capsys.readouterr().out.splitlines() == ["credentials: none", "mark: none"]


def test_a_missing_file_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["verify", "nothing.mp4"]) == 2
    assert "nothing.mp4 is not there" in capsys.readouterr().err
