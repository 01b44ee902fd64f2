"""What a worker counts of the videos that it makes."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from flows.avatar_video import avatar_video
from models.tally import DONE
from tests.flows.test_avatar_video import request


@pytest.fixture(autouse=True)
def nothing_counted() -> Iterator[None]:
    DONE.take()
    yield
    DONE.take()


def counted(text: str) -> dict[tuple[str, ...], float]:
    """By the labels' values."""
    found = DONE.take().items()
    return {
        tuple(value for _, value in name.labels): count
        for name, count in found
        if name.text == text and count
    }


def test_a_first_video_is_rendered_and_a_second_found(
    store_here: Path, portrait_file: Path, tmp_path: Path
) -> None:
    first = avatar_video(request(portrait_file, tmp_path / "a.mp4"))
    made = DONE.take()
    frames = {name.labels: value for name, value in made.items() if name.text == "frames_total"}
    by = (("device", "cpu"), ("engine", "eager"), ("renderer", "mesh"))
    assert frames == {by: first.frames}
    seconds = [value for name, value in made.items() if name.text == "render_seconds_total"]
    assert seconds == [pytest.approx(first.timings_s["render"])]
    found = {name for name in made if ("result", "found") in name.labels}
    assert found
    assert not any(made[name] for name in found)

    avatar_video(request(portrait_file, tmp_path / "b.mp4"))
    again = counted("cache_total")
    assert {result for result, _ in again} == {"found"}
    assert {"render-clip", "make-speech", "check-portrait"} <= {stage for _, stage in again}


def test_what_another_look_shares_is_found(
    store_here: Path, portrait_file: Path, tmp_path: Path
) -> None:
    avatar_video(request(portrait_file, tmp_path / "a.mp4"))
    DONE.take()
    look = {"resolution": 256, "fps": "25", "seed": 7}
    avatar_video(request(portrait_file, tmp_path / "b.mp4", look=look))
    found = counted("cache_total")
    assert found["found", "make-speech"] == 1
    assert found["missing", "render-clip"] == 1
    assert found["missing", "segment"] == 1
