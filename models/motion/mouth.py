"""From viseme posteriors to mouth curves: co-articulation, loudness, closures.

Every viseme pulls towards its target as strongly as it dominates its neighbours (Cohen and
Massaro 1993); here the pull is a Gaussian in time. All is a pure function of absolute time.
"""

from fractions import Fraction

import numpy as np
from scipy.ndimage import gaussian_filter1d, maximum_filter1d

from models.arrays import F32, F64
from models.motion.tracks import MOUTH_CHANNELS, MOUTH_RATE_HZ, MouthTrack
from models.speech.visemes import VISEMES

LEAD_ROWS = 2  # lips move 20 ms ahead of the sound
_SIGMA_ROWS = {"gap": 2.6, "jaw": 3.6, "wide": 5.5, "pucker": 5.5, "ulift": 3.0, "ff": 2.0,
               "press": 2.0, "tongue": 2.5}  # fmt: skip
_CLOSURE_SIGMA_ROWS = 1.6
_ENERGY_SIGMA_ROWS = 4.0
_CLOSURE_REACH_S = 0.02
_PRESSED, _LIP_BITE = 0.02, 0.2

# Units of S, the distance between the outer eye corners; press, ff and tongue are 0..1.
_TARGETS: dict[str, tuple[float, ...]] = {
    #      gap   jaw    wide  pucker ulift  ff   press tongue
    "sil": (0.000, 0.000, 0.000, 0.00, 0.000, 0.0, 0.1, 0.0),
    "PP": (0.000, 0.000, -0.004, 0.05, 0.000, 0.0, 0.6, 0.0),
    "FF": (0.014, 0.000, 0.000, 0.00, 0.012, 1.0, 0.0, 0.0),
    "TH": (0.040, 0.018, 0.004, 0.00, 0.000, 0.0, 0.0, 1.0),
    "DD": (0.042, 0.020, 0.004, 0.00, 0.000, 0.0, 0.0, 0.7),
    "SS": (0.030, 0.006, 0.012, 0.00, 0.003, 0.0, 0.0, 0.1),
    "CH": (0.036, 0.010, -0.032, 0.50, 0.004, 0.0, 0.0, 0.1),
    "KK": (0.050, 0.030, 0.000, 0.00, 0.000, 0.0, 0.0, 0.2),
    "RR": (0.042, 0.020, -0.030, 0.40, 0.000, 0.0, 0.0, 0.3),
    "WW": (0.018, 0.010, -0.070, 1.00, 0.000, 0.0, 0.0, 0.0),
    "AA": (0.125, 0.095, 0.004, 0.00, 0.000, 0.0, 0.0, 0.1),
    "EE": (0.078, 0.050, 0.012, 0.00, 0.002, 0.0, 0.0, 0.3),
    "IY": (0.052, 0.020, 0.024, 0.00, 0.004, 0.0, 0.0, 0.4),
    "OO": (0.085, 0.062, -0.048, 0.65, 0.000, 0.0, 0.0, 0.0),
    "UU": (0.032, 0.020, -0.066, 1.00, 0.000, 0.0, 0.0, 0.0),
}
# In the order of VISEMES.
_OPENING_DOMINANCE = (1, 3, 2.5, 1, 0.8, 1.2, 1.2, 0.5, 0.8, 1.6, 1.4, 1.1, 1, 1.3, 1.3)
_WIDTH_DOMINANCE = (0.5, 0.35, 0.5, 0.4, 0.35, 0.8, 1.4, 0.2, 1, 2.5, 0.7, 0.8, 1.2, 1.6, 2.2)
_BY_WIDTH = ("wide", "pucker")


def mouth_track(posteriors: F32, energy_db: F32, expressiveness: float = 1.0) -> MouthTrack:
    """Curves from (T, 15) posteriors and (T,) loudness over the speech level, both at 100 Hz."""
    if len(posteriors) == 0:
        return MouthTrack(np.zeros((0, len(MOUTH_CHANNELS)), np.float32), energy_db)
    values = np.empty((len(posteriors), len(MOUTH_CHANNELS)), np.float32)
    for column, channel in enumerate(MOUTH_CHANNELS[:-1]):
        values[:, column] = _coarticulated(posteriors, channel, column)
    gain = _loudness_gain(energy_db) * expressiveness
    values[:, :2] *= gain[:, None]
    values[:, 2:5] *= np.sqrt(expressiveness)
    values[:, -1] = _closure(posteriors[:, VISEMES.index("PP")])
    return MouthTrack(_led(values), energy_db)


def sample_mouth(track: MouthTrack, fps: Fraction, frames: range) -> F32:
    """(F, 9) controls; frame i is time (i + 0.5) / fps, whatever the range it is asked in.

    A closure or a lip bite is the strongest within the frame's time, so that the shortest /b/
    owns a frame; gap and jaw give way to it.
    """
    half_s = max(_CLOSURE_REACH_S, float(1 / (2 * fps)))
    times = np.array([float((frame + Fraction(1, 2)) / fps) for frame in frames])
    rows = times * MOUTH_RATE_HZ - 0.5
    controls = _interpolated(track.values, rows)
    ff, closure = MOUTH_CHANNELS.index("ff"), MOUTH_CHANNELS.index("closure")
    for column in (ff, closure):
        controls[:, column] = _strongest(track.values[:, column], rows, half_s * MOUTH_RATE_HZ)
    shut = controls[:, closure]
    controls[:, 0] *= (1 - shut) ** 1.3
    controls[:, 0] = np.minimum(controls[:, 0], _PRESSED + (1 - controls[:, ff]) * _LIP_BITE)
    controls[:, 1] *= 1 - 0.65 * shut
    return controls.astype(np.float32)


def _coarticulated(posteriors: F32, channel: str, column: int) -> F32:
    dominance = _WIDTH_DOMINANCE if channel in _BY_WIDTH else _OPENING_DOMINANCE
    pull = posteriors * np.asarray(dominance, np.float32)
    targets = np.array([_TARGETS[name][column] for name in VISEMES], np.float32)
    sigma = _SIGMA_ROWS[channel]
    weighted = gaussian_filter1d(pull @ targets, sigma, mode="nearest")
    total = gaussian_filter1d(pull.sum(axis=1), sigma, mode="nearest")
    curve: F32 = weighted / np.maximum(total, 1e-6)
    return curve


def _loudness_gain(energy_db: F32) -> F32:
    """Louder speech opens wider; what is far below it, a breath say, does not open."""
    smooth = gaussian_filter1d(
        maximum_filter1d(energy_db, 9, mode="nearest"), _ENERGY_SIGMA_ROWS, mode="nearest"
    )
    gain = 0.92 * np.clip(1.08 + 0.018 * (smooth + 6), 0.55, 1.2)
    gate = np.clip((smooth + 38) / 10, 0, 1)
    opening: F32 = (gain * gate).astype(np.float32)
    return opening


def _closure(lips: F32) -> F32:
    smooth = gaussian_filter1d(lips, _CLOSURE_SIGMA_ROWS, mode="nearest")
    closure: F32 = np.clip(1.35 * smooth - 0.1, 0, 1)
    return closure


def _led(values: F32) -> F32:
    """Every row shows what is heard LEAD_ROWS later."""
    later = np.minimum(np.arange(len(values)) + LEAD_ROWS, len(values) - 1)
    return values[later]


def _interpolated(values: F32, rows: F64) -> F64:
    """(F, C) linear between rows, held at the ends."""
    if len(values) == 0:
        return np.zeros((len(rows), values.shape[1]))
    place = np.clip(rows, 0, len(values) - 1)
    left = np.floor(place).astype(np.int64)
    right = np.minimum(left + 1, len(values) - 1)
    share = (place - left)[:, None]
    between: F64 = values[left] * (1 - share) + values[right] * share
    return between


def _strongest(curve: F32, rows: F64, reach: float) -> F64:
    """(F,) the maximum of the linear curve within `reach` rows of each place."""
    offsets = np.arange(np.floor(-reach) - 1, np.ceil(reach) + 2)
    places = np.round(rows)[:, None] + offsets
    places = np.clip(places, rows[:, None] - reach, rows[:, None] + reach)
    values = _interpolated(curve[:, None], places.ravel())
    strongest: F64 = values.reshape(places.shape).max(axis=1)
    return strongest
