"""What a recording sounds like, in numbers that say whether lips can follow it."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from models.arrays import F32, F64, Bool
from models.media.loudness import LoudnessMeter
from models.media.wav import rechunked

HOP_S = 0.05
HOPS_A_BLOCK = 10
WINDOW = 1024
FULL_SCALE = 0.9985  # 0.013 dB below full scale
CLIPPED_RUN = 3  # samples: music touches full scale, a clipped wave stays there
NARROW_BAND_HZ = 4_200
FLOOR_DB = -120.0


@dataclass(frozen=True)
class Levels:
    peak: float  # of full scale
    hops_db: F64  # (T,) RMS of every 50 ms without its mean, dBFS
    high_share: float  # power above 4.2 kHz, of all

    @property
    def peak_dbfs(self) -> float:
        return 20 * math.log10(max(self.peak, 1e-6))

    @property
    def loudest_db(self) -> float:
        return float(self.hops_db.max(initial=FLOOR_DB))

    @property
    def speech_db(self) -> float:
        """The level of the louder parts."""
        return float(np.percentile(self.hops_db, 95)) if len(self.hops_db) else FLOOR_DB

    @property
    def above_noise_db(self) -> float:
        """How far the louder parts stand above the pauses."""
        if not len(self.hops_db):
            return 0.0
        return self.speech_db - float(np.percentile(self.hops_db, 5))

    @property
    def leading_silence_s(self) -> float:
        """Time before the sound first comes within 30 dB of its speech level."""
        heard = self.hops_db > self.speech_db - 30
        return float(np.argmax(heard)) * HOP_S if heard.any() else len(heard) * HOP_S


class LevelMeter:
    """Fed with mono blocks; keeps one number per 50 ms and one spectrum."""

    def __init__(self, sample_rate_hz: int) -> None:
        self._rate = sample_rate_hz
        self._hop = round(HOP_S * sample_rate_hz)
        self._window = np.hanning(WINDOW).astype(np.float32)
        self._spectrum: F64 = np.zeros(WINDOW // 2 + 1)
        self._hops: list[F64] = []
        self._peak = 0.0

    def add(self, block: F32) -> None:
        """One block, whole hops long unless it is the last."""
        self._peak = max(self._peak, float(np.abs(block).max(initial=0)))
        self._hops.append(_rms_db(_rows(block, self._hop)))
        windows = _rows(block, WINDOW) * self._window
        self._spectrum += (np.abs(np.fft.rfft(windows, axis=1)) ** 2).sum(axis=0)

    def levels(self) -> Levels:
        hz = np.fft.rfftfreq(WINDOW, 1 / self._rate)
        total = self._spectrum[2:].sum()  # without what a direct current leaves
        high = self._spectrum[hz > NARROW_BAND_HZ].sum()
        hops = np.concatenate([np.zeros(0), *self._hops])
        return Levels(self._peak, hops, float(high / total) if total else 0.0)


class SoundMeter:
    """Levels and loudness of mono sound on its way past."""

    def __init__(self, sample_rate_hz: int) -> None:
        self._block = HOPS_A_BLOCK * round(HOP_S * sample_rate_hz)
        self._levels, self._loudness = LevelMeter(sample_rate_hz), LoudnessMeter(sample_rate_hz)

    def watch(self, sound: Iterable[F32]) -> Iterator[F32]:
        for block in rechunked(sound, self._block):
            self._levels.add(block)
            self._loudness.add(block)
            yield block

    def levels(self) -> Levels:
        return self._levels.levels()

    def loudness_lufs(self) -> float | None:
        return self._loudness.integrated()


class ClipCounter:
    """Counts samples in flat runs at full scale, over the channels of the source."""

    def __init__(self) -> None:
        self._clipped = self._all = 0

    def watch(self, sound: Iterable[F32]) -> Iterator[F32]:
        """(C, N) blocks, as they came."""
        for block in sound:
            full = np.abs(block) >= FULL_SCALE
            if full.any() and block.shape[1] >= CLIPPED_RUN:
                self._clipped += int(_in_runs(full).any(axis=0).sum())
            self._all += block.shape[1]
            yield block

    @property
    def share(self) -> float:
        return self._clipped / max(1, self._all)


def _in_runs(full: Bool) -> Bool:
    """(C, N): true where a sample is one of at least CLIPPED_RUN neighbours that are all true."""
    starts = np.lib.stride_tricks.sliding_window_view(full, CLIPPED_RUN, axis=1).all(axis=2)
    found = np.zeros_like(full)
    for shift in range(CLIPPED_RUN):
        found[:, shift : shift + starts.shape[1]] |= starts
    return found


def _rows(block: F32, size: int) -> F32:
    """(rows, size), the last one filled up with zeros."""
    missing = -len(block) % size
    return np.pad(block, (0, missing)).reshape(-1, size)


def _rms_db(rows: F32) -> F64:
    power = np.maximum(rows.var(axis=1, dtype=np.float64), 10 ** (FLOOR_DB / 10))
    level: F64 = 10 * np.log10(power)
    return level
