"""Do the lips move as the sound says, whatever the renderer was told?

The finished file's own sound goes through the viseme net, which yields the opening that its words
want. The opening that was measured on the frames is compared with that at every lag: a good video
is most alike near none. Neither the command nor the recording has a part in it.
"""

from dataclasses import dataclass

import numpy as np

from models.arrays import F32, F64
from models.motion.mouth import mouth_track
from models.motion.tracks import MOUTH_CHANNELS, MOUTH_RATE_HZ
from models.speech.acoustic import acoustic_posteriors
from models.speech.features import Heard
from models.speech.posteriors import gated

GAP = MOUTH_CHANNELS.index("gap")
REACH_ROWS = 25  # a quarter of a second either way
LEAST_FRAMES = 20
LEAST_SPREAD = 0.012  # S, standard deviation of what the sound wants
LEAST_SPOKEN_S = 1.5  # with open lips: one word is alike at many lags


@dataclass(frozen=True)
class Sync:
    correlation: float  # Pearson's r at the best lag
    lag_s: float  # > 0: the lips are late
    reach: float  # how far they open for what the sound wants, the slope of the line through both


def wanted_opening(heard: Heard) -> F32:
    """(T,) at 100 Hz, units of S."""
    if not len(heard.log_mel):
        return np.zeros(0, np.float32)
    posteriors = gated(acoustic_posteriors(heard.log_mel), heard)
    return np.asarray(mouth_track(posteriors, heard.energy_db).values[:, GAP], np.float32)


def sync_of(opening: F32, times_s: F64, wanted: F32) -> Sync | None:
    """Of openings (N,), NaN where unknown, at times (N,); None where there is too little speech."""
    rows = times_s * MOUTH_RATE_HZ - 0.5
    known = np.isfinite(opening) & (rows < len(wanted))
    if known.sum() < LEAST_FRAMES:
        return None
    if (wanted > LEAST_SPREAD).sum() < LEAST_SPOKEN_S * MOUTH_RATE_HZ:
        return None
    seen, rows = opening[known].astype(np.float64), rows[known]
    if np.interp(rows, np.arange(len(wanted)), wanted).std() < LEAST_SPREAD:
        return None
    lags = np.arange(-REACH_ROWS, REACH_ROWS + 1)
    said = np.stack([np.interp(rows - lag, np.arange(len(wanted)), wanted) for lag in lags])
    likeness = _correlation(seen, said)
    best = int(likeness.argmax())
    reach = float(likeness[best] * seen.std() / max(float(said[best].std()), 1e-9))
    return Sync(float(likeness[best]), float(lags[best]) / MOUTH_RATE_HZ, reach)


def _correlation(seen: F64, said: F64) -> F64:
    """Pearson's r of (N,) with each of (L, N)."""
    seen, said = seen - seen.mean(), said - said.mean(axis=1, keepdims=True)
    sizes = np.sqrt(np.square(said).sum(axis=1) * np.square(seen).sum())
    return np.asarray(said @ seen / np.maximum(sizes, 1e-9), np.float64)
