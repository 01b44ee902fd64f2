"""Frames hear what the published encoder hears, however the sound is cut."""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from models.arrays import F64, I16
from models.media.waveform import Recording
from models.motion.tracks import Sound
from models.musetalk.ears import Ears, Listener, places
from models.musetalk.networks import Networks
from models.musetalk.sound import WINDOW, listen, log_mel, step_starts, steps_of
from tests.models.musetalk.published import Reference

RATE = 16_000
CLOSE = 1e-4


def speechlike(samples: int, seed: int = 5) -> I16:
    random = np.random.default_rng(seed)
    time_s = np.arange(samples) / RATE
    loud = 0.5 + 0.5 * np.sin(2 * np.pi * 3 * time_s)
    tone = sum(np.sin(2 * np.pi * 140 * n * time_s) / n for n in range(1, 25))
    sound = 0.1 * loud * tone + 0.01 * random.standard_normal(samples)
    return np.rint(sound * 32_768).clip(-32_768, 32_767).astype(np.int16)


def published_mel(samples: I16) -> F64:
    """Step by step in double precision: (80, 3000)."""
    sound = np.pad(samples / 32_768, (0, 30 * RATE - len(samples)))
    padded = np.pad(sound, 200, mode="reflect")
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(400) / 400)
    starts = range(0, len(padded) - 399, 160)
    powers = np.stack([np.abs(np.fft.rfft(padded[at : at + 400] * window)) ** 2 for at in starts])
    logs = np.log10(np.maximum(1e-10, powers[:-1] @ slaney().T)).T
    bands: F64 = (np.maximum(logs, logs.max() - 8) + 4) / 4
    return bands


def slaney() -> F64:
    """(80, 201), band by band and bin by bin, from 0 to 8000 Hz."""

    def hertz(value: float) -> float:
        return value * 200 / 3 if value < 15 else 1000 * 6.4 ** ((value - 15) / 27)

    top = 15 + 27 * np.log(8) / np.log(6.4)
    edges = [hertz(top * step / 81) for step in range(82)]
    bank = np.zeros((80, 201))
    for band, (left, middle, right) in enumerate(zip(edges, edges[1:], edges[2:], strict=False)):
        for column in range(201):
            place = column * 40
            rise, fall = (place - left) / (middle - left), (right - place) / (right - middle)
            bank[band, column] = max(0, min(rise, fall)) * 2 / (right - left)
    return bank


@pytest.fixture(scope="module")
def ears(small: Networks) -> Ears:
    return Ears(small.ears, torch.device("cpu"))


def heard(ears: Ears, sound: Sound, first: int, stop: int) -> torch.Tensor:
    with torch.inference_mode():
        return Listener(ears, sound).heard(first, stop)


@pytest.mark.parametrize("samples", [480_000, 50_123])
def test_bands_are_the_published_front_end_s(samples: int) -> None:
    sound = speechlike(samples)
    found = log_mel(sound).numpy()
    assert found.shape == (80, 3000)
    assert np.abs(found - published_mel(sound)).max() < CLOSE
    assert np.ptp(found) > 1


def test_digital_silence_is_finite_and_the_lowest_value() -> None:
    assert (log_mel(np.zeros(RATE, np.int16)) == -1.5).all()
    assert torch.isfinite(log_mel(np.zeros(0, np.int16))).all()


def test_steps_are_all_states_of_the_published_encoder(ears: Ears, reference: Reference) -> None:
    sound = speechlike(90_000)
    with torch.inference_mode():
        found = ears.states(sound)
        expected = reference.hear(torch.from_numpy(published_mel(sound)).float())
    assert found.shape == (281, 3, 64)  # 5.625 s of fifty steps, the last one unfinished
    assert (found - expected[:281]).abs().max() < CLOSE


def test_a_frame_hears_ten_steps_around_it_step_by_step(ears: Ears, reference: Reference) -> None:
    fps = Fraction(30_000, 1001)
    samples = speechlike(3 * RATE)
    sound = Sound(samples, step_starts(90, fps))
    with torch.inference_mode():
        states = reference.hear(torch.from_numpy(published_mel(samples)).float())[:150]
    padded = torch.cat([torch.zeros(4, 3, 64), states, torch.zeros(12, 3, 64)])
    found = heard(ears, sound, 0, 90)
    for frame in (0, 1, 47, 89):
        at = frame * 50 * 1001 // 30_000
        expected = padded[at : at + 10].reshape(30, 64) + places(30, 64)
        assert (found[frame] - expected).abs().max() < CLOSE


@pytest.mark.parametrize(
    ("fps", "first"), [(Fraction(25), -4), (Fraction(24), -6), (Fraction(60), -2)]
)
def test_frames_begin_two_of_their_steps_early(fps: Fraction, first: int) -> None:
    starts = step_starts(1000, fps)
    assert starts[0] == first
    assert starts[999] == 999 * 50 // fps + first


def test_places_are_sines_and_cosines_by_turns() -> None:
    found = places(50, 384)
    assert found.shape == (50, 384)
    assert found[7, 0] == pytest.approx(np.sin(7))
    assert found[7, 1] == pytest.approx(np.cos(7))
    assert found[49, 383] == pytest.approx(np.cos(49 / 10_000 ** (382 / 384)))


def test_beyond_the_recording_there_is_silence(ears: Ears) -> None:
    sound = Sound(speechlike(RATE), step_starts(40, Fraction(25)))
    found = heard(ears, sound, 0, 40) - places(30, 64)
    assert (found[0, : 4 * 3] == 0).all()
    assert (found[0, 4 * 3 :] != 0).any(dim=1).all()
    assert (found[-1] == 0).all()


def test_an_empty_recording_is_silence(ears: Ears) -> None:
    sound = Sound(np.zeros(0, np.int16), step_starts(2, Fraction(25)))
    assert torch.equal(heard(ears, sound, 0, 2), places(30, 64).expand(2, -1, -1))


def test_a_span_across_windows_hears_what_the_whole_does(ears: Ears) -> None:
    """Fifty minutes would be the same: two windows are kept, whatever was heard before."""
    sound = Sound(speechlike(2 * WINDOW + 30_000), step_starts(1540, Fraction(25)))
    alone = heard(ears, sound, 748, 756)
    with torch.inference_mode():
        listener = Listener(ears, sound)
        for first in (0, 748, 1400):
            found = listener.heard(first, first + 8)
            if first == 748:
                assert torch.equal(found, alone)
    assert listener._window.cache_info().currsize == 2


def test_a_recording_is_heard_at_16_khz(tmp_path: Path) -> None:
    time_s = np.arange(48_000 * 3) / 48_000
    soundfile.write(tmp_path / "tone.wav", 0.5 * np.sin(2 * np.pi * 440 * time_s), 48_000)
    recording = Recording(tmp_path / "tone.wav", 48_000, len(time_s))
    sound = listen(recording, 75, Fraction(25))
    assert len(sound.samples) == 3 * RATE
    assert steps_of(len(sound.samples)) == 150
    assert len(sound.starts) == 75
    expected = 0.5 * 32_768 * np.sin(2 * np.pi * 440 * np.arange(3 * RATE) / RATE)
    assert np.abs(sound.samples - expected)[2000:-2000].max() < 40


def test_equal_sounds_have_equal_digests() -> None:
    sound = Sound(speechlike(3 * WINDOW), step_starts(2250, Fraction(25)))
    later = sound.samples.copy()
    later[2 * WINDOW + 5] += 1
    changed = replace(sound, samples=later)
    assert sound.digest(0, 700) == changed.digest(0, 700)
    assert sound.digest(1500, 1600) != changed.digest(1500, 1600)
    assert sound.digest(1490, 1499) != changed.digest(1490, 1499)  # it reaches into the last one
    assert sound.digest(0, 10) != sound.digest(10, 20)


def test_the_same_thirty_seconds_later_have_the_same_digest() -> None:
    once = speechlike(WINDOW)
    twice = Sound(np.concatenate([once, once, once]), step_starts(2250, Fraction(25)))
    assert twice.digest(800, 900) == twice.digest(1550, 1650)
