"""Lips and eyes on the frames of a finished video, found again by the landmark model."""

from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

import numpy as np

from models.arrays import F32, U8
from models.media.probe import sample_frames
from models.portrait.face import Face
from models.quality.measured import Frames, Indices

OUTER_EYES = (33, 263)
INNER_LIPS = (13, 14)
CORNERS = (61, 291)
LIDS = ((159, 145), (386, 374))
LUMA = np.array([0.299, 0.587, 0.114], np.float32)
EVERY_PIXEL = 4  # of rows and columns is enough for brightness and change


class FaceFinder(Protocol):
    def landmarks(self, rgb: U8, previous: F32 | None = None) -> Face | None:
        """The face near `previous`, or the largest; None where there is none."""


def measure_frames(video: Path, finder: FaceFinder, index: Indices) -> Frames:
    """Decode the frames and those before them, and find the face on each."""
    short_side_px = 1
    rows: list[tuple[float, ...]] = []
    wanted = set(index.tolist())
    previous: F32 | None = None
    before: tuple[int, F32] = (-2, np.zeros(0, np.float32))
    for number, rgb in sample_frames(video, _with_the_ones_before(wanted)):
        short_side_px = min(rgb.shape[:2])
        luma = rgb[::EVERY_PIXEL, ::EVERY_PIXEL] @ LUMA
        if number in wanted:
            change = np.abs(luma - before[1]).mean() if before[0] == number - 1 else np.nan
            face = finder.landmarks(rgb, previous) or finder.landmarks(rgb)
            previous = face.landmarks if face else None
            rows.append((number, *shape(face), luma.mean(), change))
        before = number, luma
    table = np.array(rows, np.float32).reshape(-1, 6).T
    return Frames(table[0].astype(np.int64), short_side_px, *table[1:])


def shape(face: Face | None) -> tuple[float, float, float]:
    """Lip opening, mouth width and lid opening, in S; NaN without a face."""
    if face is None:
        return np.nan, np.nan, np.nan
    points = face.landmarks[:, :2]
    scale = _distance(points, OUTER_EYES)
    eyes = sum(_distance(points, pair) for pair in LIDS) / len(LIDS)
    return (
        _distance(points, INNER_LIPS) / scale,
        _distance(points, CORNERS) / scale,
        eyes / scale,
    )


def _distance(points: F32, pair: tuple[int, int]) -> float:
    return float(np.linalg.norm(points[pair[0]] - points[pair[1]]))


def _with_the_ones_before(wanted: Iterable[int]) -> set[int]:
    return {frame for index in wanted for frame in (index - 1, index) if frame >= 0}
