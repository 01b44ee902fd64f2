"""The sound as MuseTalk's ears take it: 16 kHz samples, and Whisper's log-mel bands of 30 seconds.

Windows of 30 seconds follow one another from the recording's beginning; the last is filled with
silence. So what a frame hears is the same wherever it is rendered.
"""

from fractions import Fraction
from functools import cache
from math import ceil

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from models.arrays import F32, F64, I16, I32
from models.media.waveform import ANALYSIS_RATE_HZ, Recording
from models.motion.tracks import STEP_RATE_HZ, Sound
from models.speech.features import blocks_16k

WINDOW = 30 * ANALYSIS_RATE_HZ  # samples
STEPS_BEFORE = 2  # of a frame's own, and so many times the steps of a frame, rounded up
_FFT, _HOP, _BANDS = 400, 160, 80
_FULL_SCALE = 32_768
_FAINTEST, _RANGE = 1e-10, 8.0  # powers of ten below the loudest
_LINEAR_HZ, _KNEE_HZ, _STEP = 200 / 3, 1000.0, np.log(6.4) / 27  # Slaney's scale


def listen(recording: Recording, frames: int, fps: Fraction) -> Sound:
    """What every frame of the video hears. Raises UnreadableAudio."""
    parts = [_whole_numbers(block) for block in blocks_16k(recording)]
    samples = np.concatenate(parts) if parts else np.zeros(0, np.int16)
    return Sound(samples, step_starts(frames, fps))


def step_starts(frames: int, fps: Fraction) -> I32:
    """(F,) the first of the ten steps, 50 a second, that each frame hears; below 0 is silence."""
    before = STEPS_BEFORE * ceil(STEP_RATE_HZ / fps)
    return np.array([frame * STEP_RATE_HZ // fps - before for frame in range(frames)], np.int32)


def steps_of(samples: int) -> int:
    """Whole steps that so many samples last."""
    return samples * STEP_RATE_HZ // ANALYSIS_RATE_HZ


def log_mel(samples: I16) -> Tensor:
    """At most 30 s of samples to (80, 3000): log power of mel bands, about -1..1.

    Powers under a hundred-millionth of the loudest are raised to it; digital silence is -1.5.
    """
    sound = torch.from_numpy(samples.astype(np.float32) / _FULL_SCALE)
    whole = functional.pad(sound, (0, WINDOW - len(sound)))
    window = torch.hann_window(_FFT)
    spectrum = torch.stft(whole, _FFT, _HOP, window=window, center=True, return_complex=True)
    powers = _bank().T @ spectrum[:, :-1].abs().square()
    logs = powers.clamp_min(_FAINTEST).log10()
    return (torch.maximum(logs, logs.max() - _RANGE) + 4) / 4


def _whole_numbers(block: F32) -> I16:
    heights: I16 = np.rint(block * _FULL_SCALE).clip(-_FULL_SCALE, _FULL_SCALE - 1).astype(np.int16)
    return heights


@cache
def _bank() -> Tensor:
    """(201, 80) triangles of equal area from 0 to 8000 Hz, evenly spaced on Slaney's scale."""
    top = 15 + np.log(ANALYSIS_RATE_HZ / 2 / _KNEE_HZ) / _STEP
    edges = _hertz(np.linspace(0, top, _BANDS + 2))
    bins = np.linspace(0, ANALYSIS_RATE_HZ / 2, _FFT // 2 + 1)[:, None]
    rising = (bins - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - bins) / (edges[2:] - edges[1:-1])
    bank = np.maximum(0, np.minimum(rising, falling)) * 2 / (edges[2:] - edges[:-2])
    return torch.from_numpy(bank.astype(np.float32))


def _hertz(mel: F64) -> F64:
    above = _KNEE_HZ * np.exp(_STEP * (np.maximum(mel, 15) - 15))
    return np.where(mel < 15, mel * _LINEAR_HZ, above)
