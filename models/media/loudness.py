"""Loudness by ITU-R BS.1770-4 and a true-peak limiter, both in bounded memory."""

from collections.abc import Iterable, Iterator
from itertools import chain

import numpy as np
import pyloudnorm
import soxr
from scipy.ndimage import minimum_filter1d, uniform_filter1d
from scipy.signal import sosfilt

from models.arrays import F32, F64

TARGET_LUFS = -16.0
CEILING_DBTP = -1.0
MAX_GAIN_DB = 30.0  # more would only lift noise
HOP_S = 0.1
HOPS_A_GATE = 4  # 400 ms, overlapping by three quarters
ABSOLUTE_GATE_LUFS = -70.0
RELATIVE_GATE_LU = -10.0
LOOKAHEAD_S = 0.03
OVERSAMPLING = 4


class LoudnessMeter:
    """Integrated loudness of mono sound that comes in blocks; keeps one number per 100 ms."""

    def __init__(self, sample_rate_hz: int) -> None:
        # pyloudnorm measures whole arrays only, so just its K-weighting filters are used
        stages = pyloudnorm.Meter(sample_rate_hz)._filters.values()
        self._filter = np.array([np.concatenate([stage.b, stage.a]) for stage in stages])
        self._state: F64 = np.zeros((len(self._filter), 2))
        self._hop = round(HOP_S * sample_rate_hz)
        self._rest: F64 = np.zeros(0)
        self._energies: list[F64] = []

    def add(self, block: F32) -> None:
        weighted, self._state = sosfilt(self._filter, block, zi=self._state)
        squares = np.concatenate([self._rest, weighted**2])
        whole = len(squares) - len(squares) % self._hop
        self._energies.append(squares[:whole].reshape(-1, self._hop).mean(axis=1))
        self._rest = squares[whole:]

    def integrated(self) -> float | None:
        """LUFS; None for less than 400 ms, or where nothing passes the gate."""
        hops = np.concatenate([np.zeros(0), *self._energies])
        if len(hops) < HOPS_A_GATE:
            return None
        gates = np.convolve(hops, np.full(HOPS_A_GATE, 1 / HOPS_A_GATE), "valid")
        gates = gates[lufs(gates) > ABSOLUTE_GATE_LUFS]
        if not len(gates):
            return None
        return float(lufs(gates[lufs(gates) > lufs(gates.mean()) + RELATIVE_GATE_LU].mean()))


def normalising_gain(loudness_lufs: float | None) -> float:
    """The factor to TARGET_LUFS; 1 where there is no loudness to speak of."""
    if loudness_lufs is None:
        return 1.0
    return float(10 ** (min(TARGET_LUFS - loudness_lufs, MAX_GAIN_DB) / 20))


def lufs(power: F64) -> F64:
    level: F64 = -0.691 + 10 * np.log10(np.maximum(power, 1e-12))
    return level


def limited(sound: Iterable[F32], sample_rate_hz: int, gain: float) -> Iterator[F32]:
    """The sound times `gain`, turned down for as long as its true peak would pass the ceiling.

    The reduction is the running minimum of what each sample needs, then averaged over no more than
    that minimum's reach: it is smooth and never too small.
    """
    ceiling = 10 ** (CEILING_DBTP / 20)
    reach = round(LOOKAHEAD_S * sample_rate_hz) // 2 * 2
    held = np.zeros(2 * reach, np.float32)
    needed = np.ones(2 * reach, np.float32)
    ended = chain(sound, [np.zeros(2 * reach, np.float32)])
    for block, peaks in _with_true_peaks(ended, sample_rate_hz):
        held = np.concatenate([held, block * np.float32(gain)])
        needed = np.concatenate([needed, np.minimum(1, ceiling / np.maximum(peaks * gain, 1e-9))])
        done = len(held) - 4 * reach
        if done > 0:
            yield held[2 * reach : 2 * reach + done] * _smoothed(needed, reach)
            held, needed = held[done:], needed[done:]


def _smoothed(needed: F32, reach: int) -> F32:
    """`needed` without 2 * reach samples at either end."""
    if needed.min() == 1:
        return needed[2 * reach : -2 * reach]
    lowest = minimum_filter1d(needed, 2 * reach + 1)
    for _ in range(2):  # two short averages fall off more softly than one long
        lowest = uniform_filter1d(lowest.astype(np.float64), reach + 1)
    return np.asarray(lowest[2 * reach : -2 * reach], np.float32)


def _with_true_peaks(sound: Iterable[F32], sample_rate_hz: int) -> Iterator[tuple[F32, F32]]:
    """(N,) sound and, for each sample, the peak of the wave from it to the next."""
    waiting, dense = np.zeros(0, np.float32), np.zeros(0, np.float32)
    for block, finer in _oversampled(sound, sample_rate_hz):
        waiting, dense = np.concatenate([waiting, block]), np.concatenate([dense, finer])
        ready = min(len(waiting), len(dense) // OVERSAMPLING)
        between = np.abs(dense[: ready * OVERSAMPLING]).reshape(-1, OVERSAMPLING).max(axis=1)
        # the resampler takes away the highest tones, which count in the samples themselves
        yield waiting[:ready], np.maximum(between, np.abs(waiting[:ready]))
        waiting, dense = waiting[ready:], dense[ready * OVERSAMPLING :]


def _oversampled(sound: Iterable[F32], sample_rate_hz: int) -> Iterator[tuple[F32, F32]]:
    fine_hz = OVERSAMPLING * sample_rate_hz
    stream = soxr.ResampleStream(sample_rate_hz, fine_hz, 1, dtype="float32", quality="HQ")
    for block in sound:
        yield block, stream.resample_chunk(block)
    nothing = np.zeros(0, np.float32)
    yield nothing, stream.resample_chunk(nothing, last=True)
