"""Lips and eyes followed by their pixels, for faces on which landmarks do not follow them.

Landmark models are trained on photographs: on engravings, under moustaches, behind glasses they
can miss an opening that anyone sees. So each face is brought to a small upright patch by the outer
eye corners, which speech does not move, and two things are measured on it: how far the skin just
under the lips has gone from the skin just above them (block matching against the closed mouth),
and how much of the open eye's picture is left (regression on the open eye).
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from models.arrays import F32, F64, U8, Bool

STEADY = (33, 263)  # the outer eye corners
PATCH_S = 56  # pixels a unit of S
PATCH = (128, 176)  # width, height; the eyes lie at EYES_ROW
EYES_ROW = 36
UPPER_REACH_S = (-0.07, 0.07)  # how far a lip is looked for, up and down
LOWER_REACH_S = (-0.07, 0.22)
STRIP_HALF_S = 0.10  # half the width of the matched blocks
BLOCK_S = 0.2
LID_COLUMNS_S = 0.13  # half the width of an eye's part that is compared
MIN_MATCH = 0.2  # correlation under which a block counts as not found


@dataclass(frozen=True)
class Layout:
    """Where mouth and eyes lie on the patches of one face, pixels of the patch."""

    seam: tuple[float, float]
    eyes: tuple[tuple[float, float], tuple[float, float]]
    lid_height: float


def follow(
    patches: list[F32], faces: list[F32 | None], closed: Bool, open_: Bool
) -> tuple[F32, F32]:
    """Lip travel (N,), S, and how much of the open eye is left (N,); NaN where it can't be told."""
    travel, eyes = (np.full(len(patches), np.nan, np.float32) for _ in range(2))
    found = np.array([face is not None for face in faces], np.bool_)
    at_rest = [
        face for face, rest in zip(faces, closed & open_, strict=True) if rest and face is not None
    ]
    if at_rest:
        layout = layout_of(at_rest[0])
        known = np.stack(patches)[found]
        travel[found] = lip_travel(known, layout, closed[found])
        eyes[found] = eye_left(known, layout, open_[found])
    return travel, eyes


def patch_of(rgb: U8, landmarks: F32) -> F32:
    """The face as an upright grey patch, (176, 128)."""
    grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY).astype(np.float32)
    patch = cv2.warpAffine(grey, _upright(landmarks), PATCH, flags=cv2.INTER_AREA)
    return np.asarray(patch, np.float32)


def layout_of(landmarks: F32) -> Layout:
    """From the landmarks of a frame with closed lips and open eyes."""
    transform = _upright(landmarks)

    def place(*indices: int) -> F64:
        flat = landmarks[list(indices), :2].mean(axis=0)
        return np.asarray(transform[:, :2] @ flat + transform[:, 2], np.float64)

    seam, left, right = place(13, 14), place(159, 145, 33, 133), place(386, 374, 362, 263)
    lids = [place(145)[1] - place(159)[1], place(374)[1] - place(386)[1]]
    return Layout(
        seam=(float(seam[0]), float(seam[1])),
        eyes=((float(left[0]), float(left[1])), (float(right[0]), float(right[1]))),
        lid_height=float(np.mean(lids)),
    )


def lip_travel(patches: F32, layout: Layout, closed: Bool) -> F32:
    """Patches (N, H, W) and which of them show closed lips to (N,) lip distance, S; NaN if lost."""
    reference = patches[closed].mean(axis=0)
    x, y = layout.seam
    half, block = round(STRIP_HALF_S * PATCH_S), round(BLOCK_S * PATCH_S)
    lower, upper = (round(y) + 1, round(y) + 1 + block), (round(y) - block, round(y))
    columns = slice(round(x) - half, round(x) + half + 1)
    moved = [
        _shift(patch, reference, lower, columns, LOWER_REACH_S)
        - _shift(patch, reference, upper, columns, UPPER_REACH_S)
        for patch in patches
    ]
    return np.asarray(moved, np.float32) / np.float32(PATCH_S)


def eye_left(patches: F32, layout: Layout, open_: Bool) -> F32:
    """How much of the open eye is still seen, (N,): about 1 open, 0 shut; mean of both eyes."""
    half, tall = round(LID_COLUMNS_S * PATCH_S), max(2, round(layout.lid_height * 0.4))
    seen = []
    for x, y in layout.eyes:
        rows = slice(round(y) - tall, round(y) + tall + 1)
        eyes = patches[:, rows, round(x) - half : round(x) + half + 1]
        eyes = eyes - eyes.mean(axis=2, keepdims=True)  # white, iris, white; not lids and lashes
        eyes = eyes.reshape(len(patches), -1)
        model = eyes[open_].mean(axis=0)
        seen.append(eyes @ model / max(float(model @ model), 1e-6))
    return np.asarray(np.mean(seen, axis=0), np.float32)


def _upright(landmarks: F32) -> F64:
    """(2, 3) similarity that puts the outer eye corners level, S apart, at EYES_ROW."""
    left, right = landmarks[list(STEADY), :2].astype(np.float64)
    across = right - left
    scale = PATCH_S / float(np.linalg.norm(across))
    angle = np.arctan2(across[1], across[0])
    cos, sin = scale * np.cos(angle), scale * np.sin(angle)
    linear = np.array([[cos, sin], [-sin, cos]])
    shift = np.array([PATCH[0] / 2, EYES_ROW]) - linear @ (left + right) / 2
    return np.asarray(np.column_stack([linear, shift]), np.float64)


def _shift(
    patch: F32, reference: F32, rows: tuple[int, int], columns: slice, reach_s: tuple[float, float]
) -> float:
    """Rows by which a block of the reference has moved in the patch; NaN where it is not found."""
    up, down = (round(reach * PATCH_S) for reach in reach_s)
    top, low = max(0, rows[0] + up), min(len(patch), rows[1] + down)
    block = np.ascontiguousarray(reference[rows[0] : rows[1], columns])
    wide = slice(max(0, columns.start - 2), columns.stop + 2)
    searched = np.ascontiguousarray(patch[top:low, wide])
    match = cv2.matchTemplate(searched, block, cv2.TM_CCOEFF_NORMED).max(axis=1)
    best = int(match.argmax())
    if match[best] < MIN_MATCH:
        return float("nan")
    return best + _peak(match, best) + top - rows[0]


def _peak(match: NDArray[np.float32], best: int) -> float:
    """Parabola through the best row and its neighbours."""
    if not 0 < best < len(match) - 1:
        return 0.0
    low, middle, high = (float(value) for value in match[best - 1 : best + 2])
    bend = low - 2 * middle + high
    return 0.0 if bend == 0 else 0.5 * (low - high) / bend
