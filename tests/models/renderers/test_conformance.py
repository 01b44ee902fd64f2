"""What every renderer must do, whoever wrote it.

A package that adds one runs these on its own: add its `Home -> Renderer` to KINDS.
"""

import gc
import tracemalloc
import weakref
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pytest

from models.contracts import Aspect, Background, BackgroundKind, Look
from models.musetalk import loading as musetalk
from models.musetalk.networks import Networks, networks
from models.portrait.face import Face, Picture
from models.renderer import Home, Prepared, Renderer, Span
from models.renderers import load_renderer
from models.wav2lip.folding import Folded, fold
from models.wav2lip.loading import made_of
from tests.models.musetalk import published as musetalk_published
from tests.models.renderers.scenes import frames_of, lively
from tests.models.wav2lip import published

Portrait = tuple[Picture, Face]
AnyRenderer = Renderer[Any]
Make = Callable[[Home], AnyRenderer]

KINDS: dict[str, Callable[[Home, Folded], AnyRenderer]] = {
    "mesh": lambda home, _: load_renderer("mesh", home),
    "wav2lip": lambda home, folded: made_of(folded, home),
    "musetalk": lambda home, _: musetalk.made_of(tiny_musetalk(), home),
}
SMALL = Look.model_validate({"resolution": 256})


@cache
def tiny_musetalk() -> Networks:
    return networks(musetalk_published.random_state(musetalk_published.TINY))


@pytest.fixture(scope="module")
def folded() -> Folded:
    return fold(published.random_state())


@pytest.fixture(scope="module", params=list(KINDS))
def make(request: pytest.FixtureRequest, folded: Folded) -> Make:
    kind = KINDS[request.param]
    return lambda home: kind(home, folded)


@pytest.fixture(scope="module")
def renderer(make: Make) -> AnyRenderer:
    return make(Home())


@pytest.fixture(scope="module")
def prepared(renderer: AnyRenderer, astronaut: Portrait) -> Prepared:
    ready: Prepared = renderer.prepare(*astronaut, SMALL)
    return ready


def test_its_card_is_filled_in(renderer: AnyRenderer) -> None:
    card = renderer.card
    assert all((card.name, card.version, card.licence))
    assert card.speed_on("cpu") > 0


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
    renderer: AnyRenderer, prepared: Prepared, span: Span
) -> None:
    motion = lively(20)
    whole = frames_of(renderer, prepared, motion, Span(0, 20))
    part = frames_of(renderer, prepared, motion, span)
    assert np.array_equal(part, whole[span.first : span.stop])


def test_the_batch_size_shows_in_no_frame(make: Make, astronaut: Portrait) -> None:
    """In FP32, where sums in another order round a pixel in a million otherwise, by one."""
    drawn = []
    for batch in (3, 8):
        renderer = make(Home(half=False, max_batch=batch))
        prepared = renderer.prepare(*astronaut, SMALL)
        drawn.append(frames_of(renderer, prepared, lively(7), Span(0, 7)).astype(int))
    apart = np.abs(drawn[0] - drawn[1])
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


def test_memory_does_not_grow_with_the_video(renderer: AnyRenderer, prepared: Prepared) -> None:
    def peak(frames: int) -> int:
        motion = lively(frames)
        gc.collect()
        tracemalloc.start()
        for batch in renderer.render(prepared, motion, Span(0, frames)):
            kept = weakref.ref(batch)
            del batch
            assert kept() is None  # nobody else holds it
        _, highest = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return highest

    peak(17)
    assert peak(80) < 1.3 * peak(32)


def test_head_and_eyes_move_under_any_mouth(renderer: AnyRenderer, prepared: Prepared) -> None:
    frames = frames_of(renderer, prepared, lively(3), Span(0, 3)).astype(int)
    eyes = frames[:, 90:115, 90:160]
    assert np.abs(eyes[0] - eyes[1]).mean() > 1
    assert np.abs(frames[:, :2] - frames[:1, :2]).max() <= 1  # the border stays
