"""Which frames the gate looks at: few enough to be quick, and those that can fail."""

import numpy as np

from models.arrays import F32, Bool
from models.motion.tracks import MOUTH_CHANNELS, MotionTrack
from models.quality.measured import Indices

MAX_FRAMES = 120
WINDOWS = 12  # of a long video; a short one is one window
GAP, CLOSURE = MOUTH_CHANNELS.index("gap"), MOUTH_CHANNELS.index("closure")
CLOSED = 0.95  # of the closure channel: the lips must touch
BLINKING = 0.97
OPEN_EYES = 0.02


def windows(frames: int, fps: float, count: int = WINDOWS, length_s: float = 10.0) -> list[range]:
    """Spans that are decoded: evenly spread, the first and the last frame among them."""
    length = max(1, round(length_s * fps))
    if frames <= count * length:
        return [range(frames)]
    starts = np.linspace(0, frames - length, count).round().astype(int)
    return [range(start, start + length) for start in starts.tolist()]


def choose(motion: MotionTrack, spans: list[range], limit: int = MAX_FRAMES) -> Indices:
    """Closed lips, wide openings, blinks, open eyes, and the rest evenly; at most `limit`."""
    within = np.concatenate([np.arange(span.start, span.stop) for span in spans])
    gap = motion.mouth[within, GAP]
    kinds = (
        closed(motion)[within],
        gap >= np.quantile(gap, 0.9),
        motion.blink[within] >= BLINKING,
        motion.blink[within] <= OPEN_EYES,
        np.ones(len(within), np.bool_),
    )
    picked = [_spread(within[kind], limit // len(kinds)) for kind in kinds]
    return np.unique(np.concatenate(picked))


def closed(motion: MotionTrack) -> Bool:
    """(F,) where the lips are commanded to touch."""
    return _channel(motion, CLOSURE) >= CLOSED


def commanded_gap(motion: MotionTrack) -> F32:
    return _channel(motion, GAP)


def _channel(motion: MotionTrack, channel: int) -> F32:
    values: F32 = motion.mouth[:, channel]
    return values


def _spread(items: Indices, count: int) -> Indices:
    """At most `count` of the items, evenly."""
    if len(items) <= count:
        return items
    spread: Indices = items[np.linspace(0, len(items) - 1, count).round().astype(np.int64)]
    return spread
