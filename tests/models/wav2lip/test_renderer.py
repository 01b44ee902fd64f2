"""How the network's picture is laid over the moving head."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from models.contracts import Look
from models.errors import EngineUnusable
from models.mesh.grid import grid_for
from models.mesh.mouthed import TalkingPortrait
from models.mesh.overlay import CpuOverlay, TorchOverlay, place_of
from models.mesh.patch import FaceBox, colour_offset
from models.mesh.placement import placed
from models.mesh.sampling import CpuSampler, TorchSampler
from models.portrait.face import Face, Picture
from models.renderer import Home, Span
from models.wav2lip.crop import face_box, face_picture, opacity, shown_from
from models.wav2lip.folding import Folded
from models.wav2lip.loading import made_of
from models.wav2lip.renderer import Wav2LipRenderer
from tests.models.renderers.scenes import lively

Portrait = tuple[Picture, Face]
SIZE = 96


class Repeats:
    """A decoder that draws the face it was shown, in a colour of its own."""

    def __init__(self, tint: tuple[float, float, float]) -> None:
        self.tint = torch.tensor(tint).view(3, 1, 1)
        self.face: Tensor

    def __call__(self, mel: Tensor, *maps: Tensor) -> Tensor:
        drawn = (self.face[:, -(SIZE - shown_from(SIZE)) :] + self.tint).clamp(0, 1)
        return drawn.expand(len(mel), -1, -1, -1)


@pytest.fixture(scope="module")
def renderer(folded: Folded) -> Wav2LipRenderer:
    return made_of(folded, Home())


def repeating(
    renderer: Wav2LipRenderer, portrait: Portrait, tint: tuple[float, float, float]
) -> tuple[Wav2LipRenderer, TalkingPortrait]:
    decoder = Repeats(tint)
    mesh = renderer._mesh.prepare(*portrait, Look())
    decoder.face = face_picture(mesh.canvas, face_box(mesh.canvas.landmarks), SIZE)
    repeats = Wav2LipRenderer(renderer._encoder, decoder, SIZE, "cpu")
    return repeats, repeats.prepare(*portrait, Look())


def test_a_face_drawn_as_it_is_cannot_be_told_from_the_portrait(
    renderer: Wav2LipRenderer, astronaut: Portrait
) -> None:
    """At 96 pixels it is softer, but it lies exactly where the face is, however the head moves."""
    repeats, ready = repeating(renderer, astronaut, (0.0, 0.0, 0.0))
    motion = lively(4)
    drawn = next(repeats.render(ready, motion, Span(0, 4))).astype(int)
    under, _ = repeats._mesh.without_mouth(ready.mesh, motion, Span(0, 4))
    apart = np.abs(drawn - under.numpy())
    assert apart.mean() < 0.35
    assert np.percentile(apart, 99.9) < 32


def test_colours_are_matched_to_the_portrait(
    renderer: Wav2LipRenderer, astronaut: Portrait
) -> None:
    motion, shown = lively(2), []
    for tint in ((0.0, 0.0, 0.0), (0.08, -0.05, 0.06)):
        repeats, ready = repeating(renderer, astronaut, tint)
        shown.append(next(repeats.render(ready, motion, Span(0, 2))).astype(int))
    apart = np.abs(shown[0] - shown[1])
    assert apart.mean() < 0.2
    assert np.percentile(apart, 99.9) < 8  # what was black already could not become darker


def test_both_overlays_draw_the_same(renderer: Wav2LipRenderer, astronaut: Portrait) -> None:
    repeats, ready = repeating(renderer, astronaut, (0.1, 0.0, 0.0))
    motion = lively(3)
    under, places = repeats._mesh.without_mouth(ready.mesh, motion, Span(0, 3))
    drawn = repeats.shared(torch.zeros(3, 1, 80, 16), *ready.maps)
    pictures = repeats._pictures(ready, drawn)
    by_opencv, by_torch = under.clone(), under.clone()
    CpuOverlay(CpuSampler())(by_opencv, pictures, places, ready.place)
    TorchOverlay(TorchSampler())(by_torch, pictures, places, ready.place)
    apart = np.abs(by_opencv.numpy().astype(int) - by_torch.numpy())
    assert apart.mean() < 0.1  # OpenCV samples in steps of 1/32 pixel
    assert apart.max() < 25


def test_nothing_shows_at_the_picture_s_edge() -> None:
    shown = opacity(SIZE, shown_from(SIZE))
    assert shown.shape == (SIZE - shown_from(SIZE), SIZE)
    for edge in (shown[:2], shown[-2:], shown[:, :2], shown[:, -2:]):
        assert edge.max() == 0
    assert shown[20:30, 30:66].min() == 1


def test_an_even_difference_of_colour_is_taken_out_everywhere() -> None:
    face = torch.rand(3, SIZE, SIZE)
    shown = opacity(SIZE, 46)
    offset = colour_offset(face, face[:, 46:] - 0.1, shown)
    assert offset.shape == (3, SIZE - 46, SIZE)
    assert (offset - 0.1).abs().max() < 1e-3


def test_the_place_holds_the_whole_picture() -> None:
    grid = grid_for((512, 512))
    place = place_of(FaceBox(130.0, 90.0, 192.0, 240.0), 46, SIZE, grid)
    corners = torch.tensor([[[129.5, 321.5], [204.5, 329.5]]])
    assert torch.allclose(
        place.on_picture(corners), torch.tensor([[[-0.5, 95.5], [-0.5, 49.5]]]), atol=0.01
    )
    assert place.box.top * grid.cell <= 205
    assert place.box.bottom * grid.cell >= 330


def test_a_motion_without_sound_is_refused(renderer: Wav2LipRenderer, astronaut: Portrait) -> None:
    ready = renderer.prepare(*astronaut, Look.model_validate({"resolution": 256}))
    with pytest.raises(EngineUnusable, match="hears the sound"):
        next(renderer.render(ready, replace(lively(2), heard=None), Span(0, 2)))


def test_everything_happens_on_the_device(folded: Folded, astronaut: Portrait) -> None:
    """The meta device computes shapes only, and refuses any tensor left on the CPU."""
    renderer = made_of(folded, Home(device="meta"))
    cpu = made_of(folded, Home())
    ready = placed(cpu.prepare(*astronaut, Look()), torch.device("meta"))
    motion = lively(3)
    mel = torch.empty(3, 1, 80, 16, device="meta")
    frames, places = renderer._mesh.without_mouth(ready.mesh, motion, Span(0, 3))
    drawn = renderer.shared(mel, *ready.maps)
    renderer._overlay(frames, renderer._pictures(ready, drawn), places, ready.place)
    assert frames.device.type == "meta"
    assert frames.shape == (3, 512, 512, 3)
