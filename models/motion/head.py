"""The head's small movements: drift while idle, nods and raised brows with what is stressed."""

import numpy as np
from scipy.ndimage import gaussian_filter1d

from models.arrays import F32, F64
from models.motion.noise import smooth_noise
from models.motion.tracks import MOUTH_RATE_HZ

LIMITS = np.array([0.06, 0.06, 0.06, 0.15, 0.12])  # beyond these the warp shows
#          tx     ty     roll   yaw    pitch
SLOW = np.array([0.016, 0.008, 0.016, 0.045, 0.020])  # posture, over PERIODS[0]
QUICK = np.array([0.004, 0.003, 0.006, 0.012, 0.008])  # liveliness, over PERIODS[1]
PERIODS_S = (2.9, 0.83)
NOD = 0.030  # pitch of a fully stressed syllable, radians
NOD_TILT = 0.008  # and the roll and yaw that go with it
BROW = 0.022  # raise of a fully stressed syllable, units of S
IDLE_SHARE = 0.45  # of the movement that is left in silence
STRESS_DB = 6.0  # above its surroundings makes a syllable fully stressed
AXES = ("tx", "ty", "roll", "yaw", "pitch")


def stress(energy_db: F32) -> F64:
    """0..1 at 100 Hz: how far the loudness rises above its surroundings of about a second."""
    energy = np.maximum(energy_db.astype(np.float64), -40)
    quick = gaussian_filter1d(energy, 0.09 * MOUTH_RATE_HZ, mode="nearest")
    slow = gaussian_filter1d(energy, 0.55 * MOUTH_RATE_HZ, mode="nearest")
    heard = np.clip((quick + 22) / 10, 0, 1)
    rise = np.clip((quick - slow) / STRESS_DB, 0, 1) * heard
    return np.asarray(gaussian_filter1d(rise, 0.06 * MOUTH_RATE_HZ, mode="nearest"), np.float64)


def activity(energy_db: F32) -> F64:
    """0 in silence to 1 in speech at 100 Hz, changing over half a second."""
    heard = np.clip((energy_db.astype(np.float64) + 30) / 12, 0, 1)
    return np.asarray(gaussian_filter1d(heard, 0.4 * MOUTH_RATE_HZ, mode="nearest"), np.float64)


def head_pose(seed: int, time_s: F64, stressed: F64, active: F64) -> F64:
    """(F, 5) tx, ty (units of S), roll, yaw, pitch (radians) from stress and activity (F,)."""
    slow, quick = (
        np.stack([smooth_noise(seed, f"{name} {n}", time_s, period) for name in AXES], axis=1)
        for n, period in enumerate(PERIODS_S)
    )
    share = IDLE_SHARE + (1 - IDLE_SHARE) * active[:, None]
    pose = share * (SLOW * slow + QUICK * quick)
    sway = np.stack([smooth_noise(seed, f"nod {n}", time_s, 1.7) for n in range(2)], axis=1)
    pose[:, 4] += NOD * stressed
    pose[:, 2:4] += NOD_TILT * sway * stressed[:, None]
    return np.asarray(pose, np.float64)


def brow_raise(seed: int, time_s: F64, stressed: F64) -> F64:
    """(F,) units of S; not every stress lifts the brows."""
    mood = 0.5 + 0.5 * smooth_noise(seed, "brow", time_s, 2.1)
    return np.asarray(BROW * stressed * mood + 0.004 * mood, np.float64)
