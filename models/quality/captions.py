"""Do captions stand where their words are heard?"""

from collections.abc import Sequence

import numpy as np

from models.arrays import F32
from models.media.waveform import Word
from models.motion.tracks import MOUTH_RATE_HZ

REACH_ROWS = 60  # 0.6 s either way
QUIET_DB, LOUD_DB = -35.0, -15.0  # over the speech's level: nobody speaks, somebody does
LEAST_SPREAD = 0.15  # of what is spoken, 0..1: with no pause there is no telling when


def captions_lag_s(words: Sequence[Word], energy_db: F32) -> float | None:
    """How much later the words stand than they are heard; None where it cannot be told.

    `energy_db` (T,) at 100 Hz is over the speech's level. At most 0.6 s either way.
    """
    rows = len(energy_db)
    shown = np.zeros(rows + 2 * REACH_ROWS)
    for word in words:
        first, stop = (round(at * MOUTH_RATE_HZ) for at in (word.start_s, word.end_s))
        shown[REACH_ROWS + first : REACH_ROWS + stop] = 1
    spoken = np.clip((energy_db - QUIET_DB) / (LOUD_DB - QUIET_DB), 0, 1).astype(np.float64)
    if not words or not rows or spoken.std() < LEAST_SPREAD:
        return None
    lags = range(-REACH_ROWS, REACH_ROWS + 1)
    alike = [spoken @ shown[REACH_ROWS + lag : REACH_ROWS + lag + rows] for lag in lags]
    sizes = [np.linalg.norm(shown[REACH_ROWS + lag : REACH_ROWS + lag + rows]) for lag in lags]
    best = int(np.argmax(np.array(alike) / np.maximum(sizes, 1e-9)))
    return lags[best] / MOUTH_RATE_HZ
