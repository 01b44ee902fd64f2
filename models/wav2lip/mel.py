"""The sound as Wav2Lip hears it: 80 mel bands at 80 rows a second, -4..4.

16 kHz, pre-emphasis, Hann windows of 800 samples every 200, centred, the ends mirrored; Slaney's
mel scale and weights from 55 to 7600 Hz; decibels under full scale, -100..0 to -4..4. Digital
silence is -4. Read in blocks: half an hour takes no more memory than ten seconds, but its rows.
"""

from collections.abc import Iterable, Iterator
from fractions import Fraction
from functools import cache

import numpy as np
import torch
from torch import Tensor

from models.arrays import F32, F64, I32
from models.media.waveform import ANALYSIS_RATE_HZ, Recording
from models.motion.tracks import MEL_BANDS, MEL_RATE_HZ, WINDOW_ROWS, Heard
from models.speech.features import blocks_16k

_HOP, _FFT = ANALYSIS_RATE_HZ // MEL_RATE_HZ, 800
_EDGE = _FFT // 2  # samples mirrored before the first and behind the last
_PRE_EMPHASIS = 0.97
_LOWEST_HZ, _HIGHEST_HZ = 55.0, 7600.0
_FAINTEST, _REFERENCE_DB, _RANGE_DB, _HEIGHT = 1e-5, 20.0, 100.0, 4.0
_SHORTEST = (WINDOW_ROWS - 1) * _HOP  # samples: a whole window

_LINEAR_HZ, _KNEE_HZ = 200 / 3, 1000.0  # Slaney's scale: linear to the knee, then logarithmic
_KNEE = _KNEE_HZ / _LINEAR_HZ
_STEP = np.log(6.4) / 27


def hear(recording: Recording, frames: int, fps: Fraction) -> Heard:
    """What every frame of the video hears. Raises UnreadableAudio."""
    rows = mel_rows(blocks_16k(recording))
    return Heard(rows, window_starts(len(rows), frames, fps))


def mel_rows(blocks: Iterable[F32]) -> F32:
    """Blocks of 16 kHz samples, -1..1, that follow one another, to (M, 80)."""
    rows = [_spectrum(piece) for piece in _pieces(blocks)]
    return np.concatenate(rows)


def window_starts(rows: int, frames: int, fps: Fraction) -> I32:
    """(F,) the row at which each frame's window of 16 begins; the last rows serve those beyond."""
    starts = np.array([frame * MEL_RATE_HZ // fps for frame in range(frames)], np.int32)
    return np.minimum(starts, np.int32(rows - WINDOW_ROWS))


def windows(rows: Tensor, starts: Tensor) -> Tensor:
    """Rows (M, 80) and starts (B,) to what the network hears, (B, 1, 80, 16)."""
    places = starts.long()[:, None] + torch.arange(WINDOW_ROWS, device=rows.device)
    return rows[places].transpose(1, 2)[:, None].contiguous()


def _pieces(blocks: Iterable[F32]) -> Iterator[F32]:
    """Pre-emphasised samples, cut so that windows every hop cover them; the ends mirrored."""
    held, begun = np.zeros(0, np.float32), False
    for block in _emphasised(_long_enough(blocks)):
        held = np.concatenate([held, block])
        if not begun:  # the first block is longer than the edge
            held, begun = np.concatenate([held[_EDGE:0:-1], held]), True
        ready = (len(held) - _FFT - _EDGE - 1) // _HOP + 1  # what mirrors the end is kept
        if ready > 0:
            yield held[: (ready - 1) * _HOP + _FFT]
            held = held[ready * _HOP :]
    yield np.concatenate([held, held[-2 : -2 - _EDGE : -1]])


def _long_enough(blocks: Iterable[F32]) -> Iterator[F32]:
    """The same; silence is added where all of them together are shorter than a window."""
    source, first = iter(blocks), np.zeros(0, np.float32)
    while len(first) < _SHORTEST and (block := next(source, None)) is not None:
        first = np.concatenate([first, block])
    yield np.pad(first, (0, max(0, _SHORTEST - len(first))))
    yield from source


def _emphasised(blocks: Iterable[F32]) -> Iterator[F32]:
    share, last = np.float32(_PRE_EMPHASIS), np.zeros(1, np.float32)
    for block in blocks:
        if len(block):
            before = np.concatenate([last, block[:-1]])
            yield np.asarray(block - share * before, np.float32)
            last = block[-1:]


def _spectrum(piece: F32) -> F32:
    frames = torch.from_numpy(piece).unfold(0, _FFT, _HOP) * torch.hann_window(_FFT)
    heights = torch.fft.rfft(frames).abs() @ _bank()
    decibels = 20 * torch.log10(heights.clamp_min(_FAINTEST)) - _REFERENCE_DB
    scaled = 2 * _HEIGHT * (decibels + _RANGE_DB) / _RANGE_DB - _HEIGHT
    rows: F32 = scaled.clamp(-_HEIGHT, _HEIGHT).numpy()
    return rows


@cache
def _bank() -> Tensor:
    """(401, 80) triangles of equal area, evenly spaced on Slaney's scale."""
    ends = _mel(np.array([_LOWEST_HZ, _HIGHEST_HZ]))
    edges = _hertz(np.linspace(ends[0], ends[1], MEL_BANDS + 2))
    bins = np.arange(_FFT // 2 + 1)[:, None] * ANALYSIS_RATE_HZ / _FFT
    rising = (bins - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - bins) / (edges[2:] - edges[1:-1])
    bank = np.maximum(0, np.minimum(rising, falling)) * 2 / (edges[2:] - edges[:-2])
    return torch.from_numpy(bank.astype(np.float32))


def _mel(hertz: F64) -> F64:
    above = _KNEE + np.log(np.maximum(hertz, _KNEE_HZ) / _KNEE_HZ) / _STEP
    return np.where(hertz < _KNEE_HZ, hertz / _LINEAR_HZ, above)


def _hertz(mel: F64) -> F64:
    above = _KNEE_HZ * np.exp(_STEP * (np.maximum(mel, _KNEE) - _KNEE))
    return np.where(mel < _KNEE, mel * _LINEAR_HZ, above)
