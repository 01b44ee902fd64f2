"""What was measured on a finished video; the checks judge these figures and nothing else.

Lengths are in units of S, the distance between the outer eye corners, in the same frame.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.arrays import F32

Indices = NDArray[np.int64]


@dataclass(frozen=True)
class Frames:
    """One row a sampled frame; NaN where the frame shows no face."""

    index: Indices  # (N,) frame numbers, rising
    short_side_px: int
    opening: F32  # (N,) between the inner lips, landmarks 13 and 14
    width: F32  # (N,) between the mouth corners, landmarks 61 and 291
    eyes: F32  # (N,) between the lids, mean of both eyes
    travel: F32  # (N,) of the lower lip from the upper, followed by their pixels
    eye_left: F32  # (N,) how much of the open eye's picture is seen: 1 open, 0 shut
    luma: F32  # (N,) mean, 0..255
    change: F32  # (N,) mean |luma difference| to the frame before; NaN where that was not decoded


@dataclass(frozen=True)
class Likeness:
    """The face of sampled frames (N,) beside the photo's; NaN where it can't be told."""

    upper_face: F32  # correlation of eyes and nose, 1 the same
    shape: F32  # S, mean distance of the landmarks that speech does not move
    mouth_detail: F32  # the mouth's fine detail over the photo's, as is the eyes': 1 as sharp


@dataclass(frozen=True)
class Film:
    """One row a decoded frame, sampled or not; levels of luma."""

    index: Indices  # (K,) frame numbers, rising
    mean: F32  # (K,)
    change: F32  # (K,) mean |difference| to the frame before; NaN where that was not decoded
    back: F32  # (K,) how much more it differs from both neighbours than they from each other; NaN
    edge: F32  # (K,) mean |difference| of the frame's border to that of the first one
    edge_step: F32  # (K,) change of the border's mean since the frame before; NaN


@dataclass(frozen=True)
class Measured:
    """What one pass over the pictures finds."""

    frames: Frames
    film: Film
    likeness: Likeness | None = None  # None where the photo is not known


@dataclass(frozen=True)
class Speech:
    """What the file's own sound says, and nothing that the renderer was told."""

    wanted: F32  # (T,) opening at 100 Hz that its sounds want, S
    captions_lag_s: float | None  # > 0: words stand later than they are heard


@dataclass(frozen=True)
class Container:
    frames: int
    video_s: float
    audio_s: float
    av_offset_s: float  # > 0: the sound is late
    loudness_lufs: float | None  # None where too short to measure
    recording_lufs: float | None  # of the sound that went in
    sound_likeness: float = 1.0  # correlation with the sound that went in
