"""Blinks and the wandering of a gaze, as pure functions of (seed, absolute time)."""

import numpy as np

from models.arrays import F64
from models.motion.noise import uniform

BLINK_SLOT_S = 3.6  # one blink somewhere in every slot: 17 a minute, a speaker's rate
BLINK_CLOSE_S, BLINK_HOLD_S, BLINK_OPEN_S = 0.09, 0.06, 0.17
FIRST_BLINK_S = (0.8, 2.0)  # early, so that a short clip blinks too
DOUBLE_BLINK_SHARE = 0.12
FIXATION_S = 1.3  # mean time between two glances
SACCADE_S = 0.05
GAZE_RANGE = (0.014, 0.005)  # sideways, up and down, units of S


def blinks(seed: int, time_s: F64) -> F64:
    """Lid closure 0..1 at times (F,)."""
    closed = np.zeros_like(time_s)
    if not len(time_s):
        return closed
    last = int(time_s.max() // BLINK_SLOT_S) + 1
    for slot in range(max(0, int(time_s.min() // BLINK_SLOT_S) - 1), last + 1):
        for start in _blink_times(seed, slot):
            np.maximum(closed, _one_blink(time_s - start), out=closed)
    return closed


def _blink_times(seed: int, slot: int) -> list[float]:
    low, high = FIRST_BLINK_S if slot == 0 else (0.2, BLINK_SLOT_S - 0.9)
    start = slot * BLINK_SLOT_S + low + (high - low) * uniform(seed, "blink", slot)
    again = uniform(seed, "blink twice", slot) < DOUBLE_BLINK_SHARE
    return [start, start + 0.42] if again else [start]


def _one_blink(since_s: F64) -> F64:
    closing = np.clip(since_s / BLINK_CLOSE_S, 0, 1)
    opening = np.clip((since_s - BLINK_CLOSE_S - BLINK_HOLD_S) / BLINK_OPEN_S, 0, 1)
    return _ease(closing) * (1 - _ease(opening))


def gaze(seed: int, time_s: F64) -> F64:
    """Iris shift (F, 2) right and down, units of S: still, then a quick small jump."""
    shift = np.zeros((len(time_s), 2))
    if not len(time_s):
        return shift
    for number in range(int(time_s.max() // FIXATION_S) + 1):
        jump = (number + 0.7 * uniform(seed, "glance", number)) * FIXATION_S
        share = _ease(np.clip((time_s - jump) / SACCADE_S, 0, 1))[:, None]
        shift += share * (_fixation(seed, number + 1) - _fixation(seed, number))
    return shift


def _fixation(seed: int, number: int) -> F64:
    """Mostly near the camera, now and then a little beside it."""
    if number == 0:
        return np.zeros(2)
    raw = [2 * uniform(seed, axis, number) - 1 for axis in ("gaze across", "gaze down")]
    far = uniform(seed, "gaze far", number)
    return np.asarray(np.array(GAZE_RANGE) * np.array(raw) * far, np.float64)


def _ease(x: F64) -> F64:
    return np.asarray(x * x * (3 - 2 * x), np.float64)
