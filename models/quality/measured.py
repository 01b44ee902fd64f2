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
class Container:
    frames: int
    video_s: float
    audio_s: float
    av_offset_s: float  # > 0: the sound is late
    loudness_lufs: float | None  # None where too short to measure
    recording_lufs: float | None  # of the sound that went in
