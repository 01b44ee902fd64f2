import numpy as np
import pytest

from models.arrays import U8
from models.media.colour import video_frame
from models.quality.film import Watcher
from models.quality.measured import Film


def moving(places: list[int]) -> list[U8]:
    """A light bar on grey, at these columns."""
    frames = []
    for place in places:
        frame = np.full((64, 64, 3), 100, np.uint8)
        frame[20:44, place : place + 8] = 220
        frames.append(frame)
    return frames


def watched(frames: list[U8], numbers: list[int] | None = None) -> Film:
    watcher = Watcher()
    for number, frame in zip(numbers or range(len(frames)), frames, strict=True):
        watcher(number, video_frame(frame))
    return watcher.film()


def test_only_a_frame_out_of_its_place_goes_back() -> None:
    straight = watched(moving([8, 16, 24, 32, 40]))
    assert (straight.back[1:-1] <= 0).all()
    astray = watched(moving([8, 12, 40, 16, 20]))
    assert int(np.nanargmax(astray.back)) == 2
    assert astray.back[2] > 0


def test_frames_that_do_not_follow_each_other_are_not_compared() -> None:
    found = watched(moving([8, 16, 24, 32]), [0, 1, 7, 8])
    assert np.isfinite(found.change).tolist() == [False, True, False, True]
    assert np.isnan(found.back).all()


def test_the_border_is_compared_with_the_first_frame_s() -> None:
    frames = moving([8, 16, 24])
    frames[2] = np.minimum(frames[2].astype(np.uint16) + 20, 255).astype(np.uint8)
    found = watched(frames)
    assert found.edge == pytest.approx([0, 0, 20 * 219 / 255], abs=1)
    assert found.edge_step[1:] == pytest.approx([0, 20 * 219 / 255], abs=1)
