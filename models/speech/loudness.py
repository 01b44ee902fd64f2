"""Loudness of speech (ITU-R BS.1770) and a limiter that never clips."""

import warnings

import numpy as np
import pyloudnorm

from models.arrays import F32

TARGET_LUFS = -16.0
_SHORTEST_S = 3.0
_KNEE, _CEILING = 0.7, 0.97


def gain_for(samples: F32, sample_rate_hz: int, target_lufs: float = TARGET_LUFS) -> float:
    """The factor that brings `samples` to the target; 1 for silence."""
    peak = float(np.abs(samples).max(initial=0))
    if peak == 0:
        return 1.0
    repeats = int(np.ceil(_SHORTEST_S * sample_rate_hz / len(samples)))
    meter = pyloudnorm.Meter(sample_rate_hz)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of gated blocks without energy
        lufs = float(meter.integrated_loudness(np.tile(samples, repeats).astype(np.float64)))
    return float(10 ** ((target_lufs - lufs) / 20)) if np.isfinite(lufs) else 1.0


def limited(samples: F32) -> F32:
    """Peaks above the knee bend smoothly towards the ceiling, -0.3 dBFS."""
    over = np.abs(samples) - _KNEE
    room = _CEILING - _KNEE
    bent = np.sign(samples) * (_KNEE + room * np.tanh(np.maximum(over, 0) / room))
    result: F32 = np.where(over > 0, bent, samples).astype(np.float32)
    return result
