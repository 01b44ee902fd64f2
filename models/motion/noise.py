"""Randomness as a pure function of (seed, stream, index): any span can be made anywhere."""

import numpy as np

from models.arrays import F64

_MASK = (1 << 64) - 1


def uniform(seed: int, stream: str, index: int) -> float:
    """0..1 for one event; SplitMix64 (Steele, Lea and Flood 2014) over the three names."""
    state = seed & _MASK
    for word in (*stream.encode(), index & _MASK):
        state = _mix((state + 0x9E3779B97F4A7C15 + word) & _MASK)
    return state / 2**64


def smooth_noise(seed: int, stream: str, time_s: F64, period_s: float) -> F64:
    """-1..1 curve through a random value every `period_s`, with smooth bends."""
    place = time_s / period_s
    first = np.floor(place).astype(int)
    names = range(int(first.min()), int(first.max()) + 2) if len(first) else range(0)
    values = np.array([2 * uniform(seed, stream, n) - 1 for n in names])
    share = place - first
    ease = share * share * share * (share * (6 * share - 15) + 10)
    low = values[first - first.min()] if len(first) else share
    high = values[first - first.min() + 1] if len(first) else share
    return np.asarray(low + ease * (high - low), np.float64)


def _mix(x: int) -> int:
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & _MASK
    return x ^ (x >> 31)
