"""Lips and eyes on the frames of a finished video, found again by the landmark model."""

from pathlib import Path
from typing import Protocol

import numpy as np

from models.arrays import F32, U8, Bool
from models.media.probe import sample_frames
from models.portrait.face import Face
from models.quality.film import Watcher
from models.quality.likeness import Photo, likeness
from models.quality.measured import Film, Frames, Indices, Measured
from models.quality.tracking import PATCH, follow, patch_of

OUTER_EYES = (33, 263)
INNER_LIPS = (13, 14)
CORNERS = (61, 291)
LIDS = ((159, 145), (386, 374))


class FaceFinder(Protocol):
    def landmarks(self, rgb: U8, previous: F32 | None = None) -> Face | None:
        """The face near `previous`, or the largest; None where there is none."""


def measure_frames(
    video: Path,
    finder: FaceFinder,
    index: Indices,
    closed: Bool,
    open_: Bool,
    photo: Photo | None = None,
) -> Measured:
    """Decode the frames and those between them, and find the face on each.

    `closed` and `open_` (N,) say on which of them the lips touch and the eyes are open: these show
    what the others are compared with.
    """
    faces, film = _Seen(), Watcher()
    for number, rgb in sample_frames(video, index.tolist(), film):
        faces.add(number, rgb, finder)
    got = np.isin(index, faces.numbers)
    watched = film.film()
    return Measured(
        frames=faces.frames(closed[got], open_[got], watched),
        film=watched,
        likeness=None if photo is None else likeness(photo, faces.patches, faces.found),
    )


class _Seen:
    """What was found so far."""

    def __init__(self) -> None:
        self.numbers: list[int] = []
        self.found: list[F32 | None] = []
        self.patches: list[F32] = []
        self._short_side_px = 1
        self._rows: list[tuple[float, ...]] = []

    def add(self, number: int, rgb: U8, finder: FaceFinder) -> None:
        previous = self.found[-1] if self.found else None
        face = finder.landmarks(rgb, previous) or finder.landmarks(rgb)
        found = None if face is None else face.landmarks
        self.numbers.append(number)
        self._short_side_px = min(rgb.shape[:2])
        self._rows.append(shape(face))
        self.found.append(found)
        empty = np.full(PATCH[::-1], np.nan, np.float32)
        self.patches.append(empty if found is None else patch_of(rgb, found))

    def frames(self, closed: Bool, open_: Bool, film: Film) -> Frames:
        opening, width, eyes = np.array(self._rows, np.float32).reshape(-1, 3).T
        travel, eye_left = follow(self.patches, self.found, closed, open_)
        rows = np.searchsorted(film.index, self.numbers)
        return Frames(
            index=np.array(self.numbers, np.int64),
            short_side_px=self._short_side_px,
            opening=opening,
            width=width,
            eyes=eyes,
            travel=travel,
            eye_left=eye_left,
            luma=film.mean[rows],
            change=film.change[rows],
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
