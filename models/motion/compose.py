"""All the controls of a video, one row a frame, from the mouth's curves and a seed."""

from fractions import Fraction

import numpy as np

from models.arrays import F32, F64
from models.contracts import Look
from models.motion.eyes import blinks, gaze
from models.motion.head import LIMITS, activity, brow_raise, head_pose, stress
from models.motion.mouth import sample_mouth
from models.motion.tracks import MOUTH_RATE_HZ, MotionTrack, MouthTrack

EYE_RADIUS = 0.13  # units of S: turning the head by a radian, the eyes turn back by so much


def motion_track(mouth: MouthTrack, fps: Fraction, frames: int, look: Look) -> MotionTrack:
    """Frame i is time (i + 0.5) / fps; the same seed gives the same motion."""
    time_s = np.asarray((np.arange(frames) + 0.5) / float(fps), np.float64)
    stressed = _at(stress(mouth.energy_db), time_s)
    active = _at(activity(mouth.energy_db), time_s)
    head = look.head_motion * head_pose(look.seed, time_s, stressed, active)
    head = np.clip(head, -LIMITS, LIMITS)
    eyes = gaze(look.seed, time_s)
    eyes[:, 0] -= EYE_RADIUS * head[:, 3]  # the eyes stay on the viewer
    eyes[:, 1] -= EYE_RADIUS * head[:, 4]
    return MotionTrack(
        mouth=sample_mouth(mouth, fps, range(frames)),
        blink=_single(blinks(look.seed, time_s)),
        gaze=_single(eyes),
        brow=_single(look.expressiveness * brow_raise(look.seed, time_s, stressed)),
        head=_single(head),
    )


def _at(curve: F64, time_s: F64) -> F64:
    """A 100 Hz curve, row k at (k + 0.5) / 100 s, at times (F,); still beyond its ends."""
    if not len(curve):
        return np.zeros_like(time_s)
    rows = (np.arange(len(curve)) + 0.5) / MOUTH_RATE_HZ
    return np.interp(time_s, rows, curve)


def _single(values: F64) -> F32:
    return np.ascontiguousarray(values, np.float32)
