"""The mel rows are the public front end's, however the sound arrives."""

from fractions import Fraction

import numpy as np
import pytest
import torch

from models.arrays import F32, F64
from models.motion.tracks import WINDOW_ROWS
from models.wav2lip import mel

RATE = 16_000


def speechlike(samples: int) -> F32:
    random = np.random.default_rng(5)
    time_s = np.arange(samples) / RATE
    loud = 0.5 + 0.5 * np.sin(2 * np.pi * 3 * time_s)
    tone = sum(np.sin(2 * np.pi * 140 * n * time_s) / n for n in range(1, 25))
    return (0.1 * loud * tone + 0.01 * random.standard_normal(samples)).astype(np.float32)


def published_rows(samples: F32) -> F64:
    """Step by step in double precision, as the front end is described; whole, not in blocks."""
    emphasised = samples.astype(np.float64)
    emphasised[1:] -= 0.97 * samples[:-1]
    padded = np.pad(emphasised, 400, mode="reflect")
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(800) / 800)
    frames = [padded[at : at + 800] * window for at in range(0, len(padded) - 799, 200)]
    heights = np.abs(np.fft.rfft(frames)) @ slaney().T
    decibels = 20 * np.log10(np.maximum(1e-5, heights)) - 20
    return np.clip(8 * (decibels + 100) / 100 - 4, -4, 4)


def slaney() -> F64:
    """(80, 401), band by band and bin by bin."""

    def hertz(value: float) -> float:
        return value * 200 / 3 if value < 15 else 1000 * 6.4 ** ((value - 15) / 27)

    low, high = 55 * 3 / 200, 15 + 27 * np.log(7.6) / np.log(6.4)
    edges = [hertz(low + (high - low) * step / 81) for step in range(82)]
    bank = np.zeros((80, 401))
    for band, (left, middle, right) in enumerate(zip(edges, edges[1:], edges[2:], strict=False)):
        for column in range(401):
            place = column * 20
            rise, fall = (place - left) / (middle - left), (right - place) / (right - middle)
            bank[band, column] = max(0, min(rise, fall)) * 2 / (right - left)
    return bank


def test_rows_are_the_published_front_end_s() -> None:
    samples = speechlike(3 * RATE + 77)
    rows = mel.mel_rows([samples])
    expected = published_rows(samples)
    assert rows.shape == expected.shape
    assert np.abs(rows - expected).max() < 1e-3
    assert np.ptp(rows) > 4


@pytest.mark.parametrize("block", [1, 160, 4_001, 100_000])
def test_rows_do_not_depend_on_the_blocks(block: int) -> None:
    samples = speechlike(6_000 if block == 1 else 60_000)
    blocks = [samples[at : at + block] for at in range(0, len(samples), block)]
    assert np.allclose(mel.mel_rows(blocks), mel.mel_rows([samples]), atol=1e-5)


def test_digital_silence_is_the_quietest_value() -> None:
    rows = mel.mel_rows([np.zeros(RATE, np.float32)])
    assert rows.shape == (81, 80)
    assert (rows == -4).all()


@pytest.mark.parametrize("samples", [0, 1, 900, 2_999])
def test_the_shortest_sound_fills_one_window(samples: int) -> None:
    rows = mel.mel_rows([speechlike(samples)])
    assert len(rows) == WINDOW_ROWS
    assert np.isfinite(rows).all()


def test_windows_follow_fractional_frame_rates() -> None:
    fps = Fraction(30_000, 1001)
    starts = mel.window_starts(rows=2_000, frames=700, fps=fps)
    assert starts[:4].tolist() == [0, 2, 5, 8]
    assert starts[600] == 600 * 80 * 1001 // 30_000
    assert starts[600] != int(600 * 80 / 29)


def test_the_last_window_serves_the_frames_behind_it() -> None:
    assert mel.window_starts(rows=20, frames=5, fps=Fraction(25)).tolist() == [0, 3, 4, 4, 4]


def test_a_window_is_sixteen_rows_bands_first() -> None:
    rows = torch.arange(30 * 80, dtype=torch.float32).view(30, 80)
    heard = mel.windows(rows, torch.tensor([3, 14]))
    assert heard.shape == (2, 1, 80, 16)
    assert torch.equal(heard[1, 0, :, 0], rows[14])
