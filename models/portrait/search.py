"""Where faces may be: the picture as it is, turned by quarters, then in overlapping parts.

The detectors know faces within about 60 degrees of upright and down to a fifteenth of the
picture. Shown a face upside down they are not silent but wrong, so the quarter turns are compared
unless the upright picture leaves no doubt.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from models.arrays import F32, U8
from models.portrait.detect import Detection, Detector, overlap

# Sums of both detectors' best scores, measured on ten portraits turned by 0..345 degrees: upright
# faces have 1.55 to 1.9, all wrong quarters less than 1.5 and most things that are no face 1.2.
NO_DOUBT = 1.5
TURNED = 1.25
UPRIGHT_BONUS = 0.1
SECOND_OPINION = 0.75  # a score at which the second detector may add a face the first missed


@dataclass(frozen=True)
class Detectors:
    first: Detector
    second: Detector


@dataclass(frozen=True)
class View:
    """What the detectors see in the picture turned by so many quarters, counter-clockwise."""

    quarters: int
    faces: list[Detection]  # in pixels of the picture before it was turned
    trust: float  # 0..2, the best scores of both detectors added


def views(detectors: Detectors, rgb: U8) -> Iterator[View]:
    """Views with faces in them, the likeliest first; each is looked at when it is asked for."""
    upright = look(detectors, rgb, 0)
    if upright.trust >= NO_DOUBT:
        yield upright
    turned = [look(detectors, rgb, quarters) for quarters in (1, 2, 3)]
    candidates = [view for view in turned if view.trust >= TURNED]
    if upright.trust < NO_DOUBT:
        candidates.append(upright)
    candidates.sort(key=lambda view: -view.trust - UPRIGHT_BONUS * (view.quarters == 0))
    yield from (view for view in candidates if view.faces)
    yield from _parts(detectors, rgb)


def look(detectors: Detectors, rgb: U8, quarters: int) -> View:
    turned = np.ascontiguousarray(np.rot90(rgb, quarters))
    first, second = detectors.first.faces(turned), detectors.second.faces(turned)
    trust = sum(faces[0].score for faces in (first, second) if faces)
    found = _merge(first, second)
    return View(quarters, [_turn_back(face, quarters, rgb) for face in found], trust)


def _merge(first: list[Detection], second: list[Detection]) -> list[Detection]:
    if not first:
        return second
    boxes = np.stack([face.box for face in first]).reshape(-1, 2, 2)
    missed = [
        face
        for face in second
        if face.score >= SECOND_OPINION and overlap(face.box.reshape(2, 2), boxes).max() == 0
    ]
    return first + missed


def _turn_back(face: Detection, quarters: int, rgb: U8) -> Detection:
    limit = np.array([rgb.shape[1], rgb.shape[0]], np.float32) - 1
    corners = _turn_points_back(face.box.reshape(2, 2), quarters, limit)
    box = np.concatenate([corners.min(axis=0), corners.max(axis=0)])
    return Detection(box, _turn_points_back(face.keypoints, quarters, limit), face.score)


def _turn_points_back(points: F32, quarters: int, limit: F32) -> F32:
    """(N, 2) of numpy's rot90 of a picture -> those of the picture; `limit` its last pixel."""
    x, y = points[:, 0], points[:, 1]
    turns = ((x, y), (limit[0] - y, x), (limit[0] - x, limit[1] - y), (y, limit[1] - x))
    return np.stack(turns[quarters], axis=1)


def _parts(detectors: Detectors, rgb: U8) -> Iterator[View]:
    """Squares of half the picture's longer side, overlapping by half: for small faces."""
    height, width = rgb.shape[:2]
    side = max(height, width) // 2
    if side < detectors.first.size:  # no detail was lost when the whole was looked at
        return
    faces, trust = [], 0.0
    for top in _steps(height, side):
        for left in _steps(width, side):
            found = detectors.first.faces(rgb[top : top + side, left : left + side])
            faces += [_shift(face, left, top) for face in found]
            trust = max([trust, *(face.score for face in found)])
    if faces:
        yield View(0, sorted(faces, key=lambda face: -face.score), trust)


def _steps(length: int, side: int) -> list[int]:
    return list(range(0, max(length - side // 2, 1), max(side // 2, 1)))


def _shift(face: Detection, left: int, top: int) -> Detection:
    by = np.array([left, top], np.float32)
    return Detection(face.box + np.tile(by, 2), face.keypoints + by, face.score)
