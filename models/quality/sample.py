"""Which frames the gate looks at: few enough to be quick at any length, and those that can fail."""

import numpy as np

from models.arrays import F32, Bool
from models.motion.tracks import MOUTH_CHANNELS, MotionTrack
from models.quality.measured import Indices

MAX_FRAMES = 108
GAP, PUCKER, CLOSURE = (MOUTH_CHANNELS.index(name) for name in ("gap", "pucker", "closure"))
CLOSED = 0.95  # of the closure channel: the lips must touch
BLINKING = 0.97
OPEN_EYES = 0.02
TOUCHING_GAP = 0.003  # S
TURN_WEIGHTS, LEAST_TURN = np.array([1, 1, 0.05, 0.1], np.float32), 0.005  # S, about
MOVING_GAP = 0.02  # S from one frame to the next: no encoder makes this a still picture


def choose(motion: MotionTrack, limit: int = MAX_FRAMES, near: int | None = None) -> Indices:
    """Closed lips, wide openings, quick moves, blinks and the rest evenly: at most `limit`.

    Of a video with more than `near` frames, some of the first `near` besides: whose sound is heard.
    """
    gap = commanded_gap(motion)
    shut = closed(motion)
    kinds: tuple[Bool, ...] = (
        shut if shut.any() else lips_together(motion),
        gap >= np.quantile(gap, 0.9),
        moving(motion),
        motion.blink >= BLINKING,
        eyes_open(motion),
        np.ones(len(motion), np.bool_),
    )
    if near is not None and near < len(motion):
        kinds = (*kinds, np.arange(len(motion)) < near)
    return np.unique(np.concatenate([_spread(kind, limit // len(kinds)) for kind in kinds]))


def closed(motion: MotionTrack) -> Bool:
    """(F,) where the lips are commanded to touch."""
    return motion.mouth[:, CLOSURE] >= CLOSED


def lips_together(motion: MotionTrack) -> Bool:
    """(F,) where the lips touch, by command or at rest: what other frames are compared with."""
    return closed(motion) | (commanded_gap(motion) <= TOUCHING_GAP)


def eyes_open(motion: MotionTrack) -> Bool:
    """(F,) where no blink is commanded."""
    return motion.blink <= OPEN_EYES


def moving(motion: MotionTrack) -> Bool:
    """(F,) where the mouth opens or closes visibly against the frame before."""
    gap = commanded_gap(motion)
    return np.abs(np.diff(gap, prepend=gap[:1])) >= MOVING_GAP


def turning(motion: MotionTrack) -> Bool:
    """(F,) where mouth or lids are commanded to go one way and at once back."""
    mouth = [MOUTH_CHANNELS.index(name) for name in ("gap", "jaw", "closure")]
    state = np.column_stack([motion.mouth[:, mouth], motion.blink]) * TURN_WEIGHTS
    one, two = np.abs(state[1:] - state[:-1]), np.abs(state[2:] - state[:-2])
    turned = (np.minimum(one[:-1], one[1:]) - two > LEAST_TURN).any(axis=1)
    return np.concatenate([[True], turned, [True]])[: len(motion)]


def commanded_gap(motion: MotionTrack) -> F32:
    gap: F32 = motion.mouth[:, GAP]
    return gap


def pucker(motion: MotionTrack) -> F32:
    """(F,) how far the lips are commanded to purse, 1 fully."""
    pursed: F32 = motion.mouth[:, PUCKER]
    return pursed


def _spread(kind: Bool, count: int) -> Indices:
    """At most `count` of the frames of a kind, evenly."""
    frames = np.flatnonzero(kind)
    if len(frames) <= count:
        return frames
    spread: Indices = frames[np.linspace(0, len(frames) - 1, count).round().astype(np.int64)]
    return spread
