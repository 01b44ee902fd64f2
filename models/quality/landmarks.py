"""Lips and eyes on the frames of a finished video, found again by the landmark model."""

from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

import numpy as np

from models.arrays import F32, U8, Bool
from models.media.probe import sample_frames
from models.portrait.face import Face
from models.quality.measured import Frames, Indices
from models.quality.tracking import PATCH, follow, patch_of

OUTER_EYES = (33, 263)
INNER_LIPS = (13, 14)
CORNERS = (61, 291)
LIDS = ((159, 145), (386, 374))
LUMA = np.array([0.299, 0.587, 0.114], np.float32)
EVERY_PIXEL = 4  # of rows and columns is enough for brightness and change


class FaceFinder(Protocol):
    def landmarks(self, rgb: U8, previous: F32 | None = None) -> Face | None:
        """The face near `previous`, or the largest; None where there is none."""


def measure_frames(
    video: Path, finder: FaceFinder, index: Indices, closed: Bool, open_: Bool
) -> Frames:
    """Decode the frames and those before them, and find the face on each.

    `closed` and `open_` (N,) say on which of them the lips touch and the eyes are open: these show
    what the others are compared with.
    """
    seen = _Seen()
    wanted = set(index.tolist())
    before: tuple[int, F32] = (-2, np.zeros(0, np.float32))
    for number, rgb in sample_frames(video, _with_the_ones_before(wanted)):
        luma = rgb[::EVERY_PIXEL, ::EVERY_PIXEL] @ LUMA
        if number in wanted:
            change = np.abs(luma - before[1]).mean() if before[0] == number - 1 else np.nan
            seen.add(number, rgb, finder, float(luma.mean()), float(change))
        before = number, luma
    got = np.isin(index, seen.numbers)
    return seen.frames(closed[got], open_[got])


class _Seen:
    """What was found so far."""

    def __init__(self) -> None:
        self.numbers: list[int] = []
        self._short_side_px = 1
        self._rows: list[tuple[float, ...]] = []
        self._faces: list[F32 | None] = []
        self._patches: list[F32] = []

    def add(
        self, number: int, rgb: U8, finder: FaceFinder, brightness: float, change: float
    ) -> None:
        previous = self._faces[-1] if self._faces else None
        face = finder.landmarks(rgb, previous) or finder.landmarks(rgb)
        found = None if face is None else face.landmarks
        self.numbers.append(number)
        self._short_side_px = min(rgb.shape[:2])
        self._rows.append((*shape(face), brightness, change))
        self._faces.append(found)
        empty = np.full(PATCH[::-1], np.nan, np.float32)
        self._patches.append(empty if found is None else patch_of(rgb, found))

    def frames(self, closed: Bool, open_: Bool) -> Frames:
        opening, width, eyes, luma, change = np.array(self._rows, np.float32).reshape(-1, 5).T
        travel, eye_left = follow(self._patches, self._faces, closed, open_)
        return Frames(
            index=np.array(self.numbers, np.int64),
            short_side_px=self._short_side_px,
            opening=opening,
            width=width,
            eyes=eyes,
            travel=travel,
            eye_left=eye_left,
            luma=luma,
            change=change,
        )


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
