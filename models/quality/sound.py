"""The sound of a finished video against the recording that went in."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyloudnorm
from av import AudioFrame, AudioResampler
from scipy.signal import correlate, correlation_lags

from models.arrays import F32
from models.media.probe import opened
from models.media.wav import blocks, resampled
from models.media.waveform import ANALYSIS_RATE_HZ, Recording

COMPARED_S = 30.0
MAX_LAG_S = 0.5
SILENT = 1e-4  # norm of all samples
LEAST_LOUDNESS_S = 0.5  # shorter sound has no loudness by ITU-R BS.1770


def heard(video: Path, seconds: float = COMPARED_S) -> F32:
    """(N,) the first seconds as a player plays them, mono at 16 kHz; time 0 is sample 0."""
    with opened(video) as container:
        return _first(_placed(container.decode(container.streams.audio[0])), seconds)


def recorded(recording: Recording, seconds: float = COMPARED_S) -> F32:
    """(N,) the first seconds that went in, mono at 16 kHz."""
    sound = resampled(blocks(recording), recording.sample_rate_hz, ANALYSIS_RATE_HZ)
    return _first(sound, seconds)


@dataclass(frozen=True)
class Match:
    """One sound found in another."""

    lag_s: float  # > 0: the first one is late; at most half a second
    likeness: float  # 1 the same, 0 unrelated


def match(late: F32, sound: F32) -> Match | None:
    """None where the second is silent."""
    length = min(len(late), len(sound))
    late, sound = late[:length], sound[:length]
    sizes = [float(np.linalg.norm(each)) for each in (late, sound)]
    if sizes[1] < SILENT:
        return None
    size = max(sizes[0], SILENT) * sizes[1]
    found = correlate(late, sound, method="fft")
    lags = correlation_lags(length, length)
    near = np.abs(lags) <= MAX_LAG_S * ANALYSIS_RATE_HZ
    best = int(np.argmax(found[near]))
    return Match(float(lags[near][best] / ANALYSIS_RATE_HZ), float(found[near][best]) / size)


def loudness_lufs(sound: F32) -> float | None:
    """Integrated loudness of (N,) sound at 16 kHz; None where there is too little of it."""
    if len(sound) < LEAST_LOUDNESS_S * ANALYSIS_RATE_HZ:
        return None
    measured = float(pyloudnorm.Meter(ANALYSIS_RATE_HZ).integrated_loudness(sound))
    return measured if np.isfinite(measured) else None


def _placed(frames: Iterable[AudioFrame]) -> Iterator[F32]:
    """Frames as mono blocks; silence stands for the time before the first one."""
    resampler = AudioResampler(format="fltp", layout="mono", rate=ANALYSIS_RATE_HZ)
    for number, frame in enumerate(frames):
        if number == 0 and (frame.time or 0) > 0:
            yield np.zeros(round((frame.time or 0) * ANALYSIS_RATE_HZ), np.float32)
        for part in resampler.resample(frame):
            yield np.asarray(part.to_ndarray(), np.float32)[0]


def _first(sound: Iterator[F32], seconds: float) -> F32:
    samples = round(seconds * ANALYSIS_RATE_HZ)
    taken, kept = 0, []
    for block in sound:
        kept.append(block)
        taken += len(block)
        if taken >= samples:
            break
    return np.concatenate([np.zeros(0, np.float32), *kept])[:samples]
