"""What every renderer must do, whoever wrote it.

Those of packages beside ours are tried, too: install yours, then
`pytest tests/models/renderers -k NAME`.
"""

import gc
import os
import threading
import tracemalloc
import weakref
from collections.abc import Iterator

import numpy as np
import pytest
import torch

from models.arrays import U8
from models.contracts import Aspect, Background, BackgroundKind, Look
from models.portrait.face import Face, Picture
from models.renderer import Home, Prepared, Span
from tests.models.renderers.kinds import AnyRenderer, Make, kinds
from tests.models.renderers.scenes import frames_of, lively
from tests.resident import resident_bytes

Portrait = tuple[Picture, Face]

SMALL = Look.model_validate({"resolution": 256})


@pytest.fixture(scope="module", params=list(kinds()))
def make(request: pytest.FixtureRequest) -> Make:
    return kinds()[request.param]


@pytest.fixture(scope="module")
def renderer(make: Make) -> AnyRenderer:
    return make(Home())


@pytest.fixture(scope="module")
def prepared(renderer: AnyRenderer, astronaut: Portrait) -> Prepared:
    ready: Prepared = renderer.prepare(*astronaut, SMALL)
    return ready


@pytest.fixture(scope="module")
def whole(renderer: AnyRenderer, prepared: Prepared) -> U8:
    """All of `lively(20)`."""
    return frames_of(renderer, prepared, lively(20), Span(0, 20))


@pytest.fixture(scope="module")
def batch(renderer: AnyRenderer, prepared: Prepared) -> int:
    """Frames that come at once."""
    batches = renderer.render(prepared, lively(100), Span(0, 100))
    first = next(iter(batches))
    batches.close()  # type: ignore[attr-defined]
    return len(first)


def test_its_card_is_filled_in(renderer: AnyRenderer) -> None:
    card = renderer.card
    assert all((card.name, card.version, card.licence))
    assert all(speed > 0 for _, speed in card.frames_per_s)


@pytest.mark.parametrize("aspect", list(Aspect))
def test_frames_have_the_size_asked_for(
    renderer: AnyRenderer, astronaut: Portrait, aspect: Aspect
) -> None:
    look = Look.model_validate({"resolution": 256, "aspect": aspect})
    ready = renderer.prepare(*astronaut, look)
    frames = frames_of(renderer, ready, lively(2), Span(0, 2))
    assert ready.size == look.size
    assert frames.shape == (2, look.size[1], look.size[0], 3)
    assert frames.dtype == np.uint8


def test_a_transparent_background_has_an_alpha_channel(
    renderer: AnyRenderer, astronaut: Portrait
) -> None:
    picture, face = astronaut
    mask = np.zeros(picture.rgb.shape[:2], np.uint8)
    mask[20:300, 120:330] = 255
    behind = Background(kind=BackgroundKind.TRANSPARENT)
    look = Look.model_validate({"resolution": 256, "background": behind})
    masked = Picture(picture.rgb, mask, picture.name, picture.sha256)
    ready = renderer.prepare(masked, face, look)
    assert frames_of(renderer, ready, lively(1), Span(0, 1)).shape == (1, 256, 256, 4)


def test_the_same_is_rendered_twice_the_same(
    make: Make,
    renderer: AnyRenderer,
    prepared: Prepared,
    astronaut: Portrait,
) -> None:
    motion, other = lively(5), make(Home())
    again = other.prepare(*astronaut, SMALL)
    first = frames_of(renderer, prepared, motion, Span(0, 5))
    assert np.array_equal(first, frames_of(renderer, prepared, motion, Span(0, 5)))
    assert np.array_equal(first, frames_of(other, again, motion, Span(0, 5)))


@pytest.mark.parametrize("span", [Span(0, 1), Span(3, 9), Span(17, 20)])
def test_a_span_is_a_part_of_the_whole(
    renderer: AnyRenderer, prepared: Prepared, whole: U8, span: Span
) -> None:
    part = frames_of(renderer, prepared, lively(20), span)
    assert np.array_equal(part, whole[span.first : span.stop])


def test_the_batch_size_shows_in_no_frame(make: Make, astronaut: Portrait) -> None:
    drawn = [of_home(make, Home(half=False, max_batch=batch), astronaut, 7) for batch in (3, 8)]
    assert_alike(*drawn)


@pytest.fixture
def threads() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def test_the_number_of_threads_shows_in_no_frame(
    make: Make, astronaut: Portrait, threads: None
) -> None:
    drawn = []
    for count in (1, 2):
        torch.set_num_threads(count)
        drawn.append(of_home(make, Home(half=False, threads=count), astronaut, 3))
    assert_alike(*drawn)


def of_home(make: Make, home: Home, portrait: Portrait, frames: int) -> U8:
    renderer = make(home)
    prepared = renderer.prepare(*portrait, SMALL)
    return frames_of(renderer, prepared, lively(frames), Span(0, frames))


def assert_alike(first: U8, second: U8) -> None:
    """In FP32, where sums in another order round a pixel in a million otherwise, by one."""
    apart = np.abs(first.astype(int) - second)
    assert apart.max() <= 1
    assert apart.mean() < 1e-4


def test_nothing_is_rendered_before_it_is_asked_for(
    renderer: AnyRenderer, prepared: Prepared
) -> None:
    """Cancelling is to stop asking: a hundred thousand frames would take minutes."""
    batches = renderer.render(prepared, lively(100), Span(0, 100))
    first = next(iter(batches))
    assert 0 < len(first) < 100
    batches.close()  # type: ignore[attr-defined]
    with pytest.raises(StopIteration):
        next(batches)


def test_a_render_that_is_closed_leaves_nothing(
    renderer: AnyRenderer, prepared: Prepared, whole: U8
) -> None:
    """No thread, no open file, nobody who holds the motion; and the next one is whole."""
    before = set(threading.enumerate()), open_files()
    motion = lively(100)
    held = weakref.ref(motion)
    batches = renderer.render(prepared, motion, Span(0, 100))
    next(batches)
    batches.close()  # type: ignore[attr-defined]
    del motion, batches
    gc.collect()
    assert held() is None
    assert (set(threading.enumerate()), open_files()) == before
    assert np.array_equal(frames_of(renderer, prepared, lively(20), Span(0, 5)), whole[:5])


def open_files() -> list[str]:
    return sorted(os.listdir("/proc/self/fd"))


def test_renders_that_take_turns_do_not_disturb_each_other(
    renderer: AnyRenderer, prepared: Prepared, whole: U8
) -> None:
    motions = lively(20), lively(20, seed=2)
    alone = [whole, frames_of(renderer, prepared, motions[1], Span(0, 20))]
    both = [renderer.render(prepared, motion, Span(0, 20)) for motion in motions]
    turns = list(zip(*both, strict=True))
    for one, expected in zip(zip(*turns, strict=True), alone, strict=True):
        assert np.array_equal(np.concatenate(one), expected)


def test_memory_does_not_grow_with_the_video(
    renderer: AnyRenderer, prepared: Prepared, batch: int
) -> None:
    """Nobody keeps a batch, and neither Python's memory nor the process's grows by frames."""

    def peak(frames: int) -> int:
        motion = lively(frames)
        gc.collect()
        tracemalloc.start()
        for drawn in renderer.render(prepared, motion, Span(0, frames)):
            kept = weakref.ref(drawn)
            del drawn
            assert kept() is None
        _, highest = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return highest

    peak(batch + 1)
    assert peak(4 * batch) < 1.3 * peak(2 * batch)


def test_a_long_span_takes_no_more_memory_of_the_system(
    renderer: AnyRenderer, prepared: Prepared
) -> None:
    """What torch and OpenCV allocate, Python does not count. A leak grows again and again."""
    each, motion = 16, lively(64)
    held = []
    for first in range(0, 64, each):
        for _ in renderer.render(prepared, motion, Span(first, first + each)):
            pass
        gc.collect()
        held.append(resident_bytes())
    least = min(int(step) for step in np.diff(held))
    assert least < each * 256 * 256 * 3 / 3  # were a third of the frames kept


def test_head_and_eyes_move_under_any_mouth(renderer: AnyRenderer, prepared: Prepared) -> None:
    frames = frames_of(renderer, prepared, lively(3), Span(0, 3)).astype(int)
    eyes = frames[:, 90:115, 90:160]
    assert np.abs(eyes[0] - eyes[1]).mean() > 1
    assert np.abs(frames[:, :2] - frames[:1, :2]).max() <= 1  # the border stays
