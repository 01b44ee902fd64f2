"""How the network's picture is laid over the moving head."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from models.contracts import Look
from models.errors import EngineUnusable
from models.mesh.canvas import Canvas, frame_portrait
from models.mesh.mouthed import TalkingPortrait
from models.mesh.placement import placed
from models.motion.files import load_track, save_track
from models.motion.tracks import MotionTrack
from models.musetalk.crop import (
    HIDDEN_FROM,
    SHOWN_FROM,
    face_box,
    face_picture,
    network_input,
    opacity,
)
from models.musetalk.loading import made_of
from models.musetalk.networks import Networks, networks
from models.musetalk.renderer import MuseTalkRenderer
from models.portrait.face import Face, Picture
from models.renderer import Home, Span
from tests.models.musetalk import published
from tests.models.renderers.scenes import lively

Portrait = tuple[Picture, Face]


class Draws:
    """A decoder that always draws one picture."""

    mixes = True

    def __init__(self, picture: Tensor) -> None:
        self.picture = picture[:, SHOWN_FROM:]

    def __call__(self, heard: Tensor, *maps: Tensor) -> Tensor:
        return self.picture.expand(len(heard), -1, -1, -1)


@pytest.fixture(scope="module")
def tiny() -> Networks:
    return networks(published.random_state(published.TINY))


@pytest.fixture(scope="module")
def renderer(tiny: Networks) -> MuseTalkRenderer:
    return made_of(tiny, Home())


@pytest.fixture(scope="module")
def canvas(astronaut: Portrait) -> Canvas:
    return frame_portrait(*astronaut, Look())


@pytest.fixture(scope="module")
def seen(canvas: Canvas) -> Tensor:
    return face_picture(canvas, face_box(canvas.landmarks))


def drawing(
    renderer: MuseTalkRenderer, portrait: Portrait, picture: Tensor
) -> tuple[MuseTalkRenderer, TalkingPortrait]:
    made = MuseTalkRenderer(renderer._encoder, Draws(picture), renderer._ears, "cpu", 4)
    return made, made.prepare(*portrait, Look())


def test_a_face_drawn_as_it_is_cannot_be_told_from_the_portrait(
    renderer: MuseTalkRenderer, astronaut: Portrait, seen: Tensor
) -> None:
    repeats, ready = drawing(renderer, astronaut, seen)
    motion = lively(4)
    drawn = next(repeats.render(ready, motion, Span(0, 4))).astype(int)
    under, _ = repeats._mesh.without_mouth(ready.mesh, motion, Span(0, 4))
    apart = np.abs(drawn - under.numpy())
    assert apart.mean() < 0.1
    assert np.percentile(apart, 99.9) < 8
    assert apart.max() < 32


def test_colours_are_matched_to_the_portrait(
    renderer: MuseTalkRenderer, astronaut: Portrait, seen: Tensor
) -> None:
    motion, shown = lively(2), []
    for tint in ((0.0, 0.0, 0.0), (0.08, -0.05, 0.06)):
        tinted = (seen + torch.tensor(tint).view(3, 1, 1)).clamp(0, 1)
        repeats, ready = drawing(renderer, astronaut, tinted)
        shown.append(next(repeats.render(ready, motion, Span(0, 2))).astype(int))
    apart = np.abs(shown[0] - shown[1])
    assert apart.mean() < 0.2
    assert np.percentile(apart, 99.9) < 16  # what was black already could not become darker


def test_only_the_lower_face_shows_and_moves_with_the_head(
    renderer: MuseTalkRenderer, astronaut: Portrait, canvas: Canvas
) -> None:
    green = torch.tensor([0.0, 1.0, 0.0]).view(3, 1, 1).expand(3, 256, 256)
    paints, ready = drawing(renderer, astronaut, green)
    ready = replace(ready, offset=torch.zeros_like(ready.offset))
    frames = next(paints.render(ready, lively(3), Span(0, 3))).astype(int)
    whole = (frames[..., 1] > 240) & (frames[..., 0] < 15)
    box = face_box(canvas.landmarks)
    rows = np.flatnonzero(whole[0].any(axis=1))
    assert rows[0] > box.top + box.height / 2 - 8
    assert rows[-1] < box.top + box.height
    mouth = canvas.landmarks[[13, 14, 61, 291], :2].round().astype(int)
    assert all(whole[:, y, x].all() for x, y in mouth)
    assert (whole[0] != whole[1]).any()


def test_the_box_is_the_published_one(canvas: Canvas) -> None:
    """From the jaw to where the chin would be, were the nose's bridge a mirror."""
    box, landmarks = face_box(canvas.landmarks), canvas.landmarks
    chin = box.top + box.height / (1 + 10 / 256)
    assert chin == pytest.approx(landmarks[152, 1], abs=0.5)
    assert box.top + chin == pytest.approx(2 * landmarks[5, 1], abs=1)
    assert box.left == pytest.approx(landmarks[[127, 234, 93], 0].min())


def test_the_network_does_not_see_the_lower_half(seen: Tensor) -> None:
    masked, whole = network_input(seen)
    assert (masked[:, HIDDEN_FROM:] == -1).all()
    assert torch.equal(masked[:, :HIDDEN_FROM], whole[:, :HIDDEN_FROM])
    assert whole.min() >= -1
    assert torch.allclose((whole + 1) / 2, seen, atol=1e-6)


def test_nothing_shows_at_the_picture_s_edge(canvas: Canvas) -> None:
    shown = opacity(canvas.landmarks, face_box(canvas.landmarks))
    assert shown.shape == (256 - SHOWN_FROM, 256)
    for edge in (shown[:1], shown[-2:], shown[:, :2], shown[:, -2:]):
        assert edge.max() < 0.01
    assert shown[30:80, 90:166].min() == 1
    jaw, cheek = (int((shown[row] > 0.5).sum()) for row in (100, 30))
    assert 0 < jaw < 0.8 * cheek


def test_a_motion_without_sound_is_refused(
    renderer: MuseTalkRenderer, astronaut: Portrait, seen: Tensor
) -> None:
    repeats, ready = drawing(renderer, astronaut, seen)
    with pytest.raises(EngineUnusable, match="musetalk hears the sound"):
        next(repeats.render(ready, replace(lively(2), sound=None), Span(0, 2)))


def test_the_sound_shows(renderer: MuseTalkRenderer, astronaut: Portrait) -> None:
    ready = renderer.prepare(*astronaut, Look.model_validate({"resolution": 256}))
    motion = lively(2)
    assert motion.sound is not None
    deaf = replace(motion.sound, samples=np.zeros_like(motion.sound.samples))
    loud, still = (
        next(renderer.render(ready, replace(motion, sound=sound), Span(0, 2))).astype(int)
        for sound in (motion.sound, deaf)
    )
    assert np.abs(loud - still).max() > 8


def test_a_motion_on_disk_keeps_its_sound(tmp_path: Path) -> None:
    motion = lively(5)
    save_track(motion, tmp_path / "motion.npz")
    again = load_track(MotionTrack, tmp_path / "motion.npz")
    assert again.digest(0, 5) == motion.digest(0, 5)
    assert again.sound is not None
    assert motion.sound is not None
    assert again.sound.samples.dtype == np.int16
    assert np.array_equal(again.sound.samples, motion.sound.samples)


def test_everything_happens_on_the_device(
    tiny: Networks, renderer: MuseTalkRenderer, astronaut: Portrait
) -> None:
    """The meta device computes shapes only, and refuses any tensor left on the CPU."""
    elsewhere = made_of(tiny, Home(device="meta"))
    ready = placed(renderer.prepare(*astronaut, Look()), torch.device("meta"))
    motion = lively(3)
    heard = torch.empty(3, 20, 64, device="meta")
    with torch.inference_mode():
        frames, places = elsewhere._mesh.without_mouth(ready.mesh, motion, Span(0, 3))
        drawn = elsewhere.shared(heard, *ready.maps)
        elsewhere._overlay(frames, elsewhere._pictures(ready, drawn), places, ready.place)
    assert frames.device.type == "meta"
    assert frames.shape == (3, 512, 512, 3)
