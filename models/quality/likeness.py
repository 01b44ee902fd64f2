"""Is it the photo's face still, and as sharp? Sampled frames beside the photo.

Photo and frames are brought to the same small upright patch, the photo first to the frame's scale.
Sharpness is the fine detail around the mouth over that around the eyes, which nobody redraws, so
that neither the encoder nor a soft photograph counts.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from models.arrays import F32, F64, U8
from models.quality.measured import Likeness
from models.quality.tracking import STEADY, layout_of, patch_of

FINE_PX = 1.0  # of the patch: what a Gaussian of that size takes away is detail
UPPER_ROWS, UPPER_COLUMNS = slice(20, 72), slice(16, 112)  # of the patch: brows to nose
EYES = (slice(24, 50), slice(20, 108))
MOUTH_UP, MOUTH_DOWN, MOUTH_HALF = 14, 18, 20  # around the seam
RIGID = (33, 133, 362, 263, 168, 6, 197, 195, 5, 4, 1, 2, 98, 327, 10, 127, 356, 234, 454)


@dataclass(frozen=True)
class Photo:
    """The portrait that was to speak."""

    rgb: U8  # (H, W, 3)
    landmarks: F32  # (478, 3), pixels

    def at(self, scale_px: float) -> "Photo":
        """The same with its outer eye corners so far apart, unless they are nearer already."""
        ratio = scale_px / span_px(self.landmarks)
        if ratio >= 1:
            return self
        small = cv2.resize(self.rgb, None, fx=ratio, fy=ratio, interpolation=cv2.INTER_AREA)
        return Photo(np.asarray(small, np.uint8), self.landmarks * np.float32(ratio))


def likeness(photo: Photo, patches: list[F32], faces: list[F32 | None]) -> Likeness:
    """Of frames whose patches are NaN where there is no face."""
    seen = next((face for face in faces if face is not None), None)
    rows = np.full((len(faces), 3), np.nan, np.float32)
    if seen is not None:
        reference = photo.at(span_px(seen))
        patch = patch_of(reference.rgb, reference.landmarks)
        for row, patch_now, face in zip(rows, patches, faces, strict=True):
            if face is not None:
                row[:] = _beside(reference.landmarks, patch, face, patch_now)
    return Likeness(*rows.T)


def span_px(landmarks: F32) -> float:
    left, right = landmarks[list(STEADY), :2]
    return float(np.linalg.norm(left - right))


def _beside(landmarks: F32, patch: F32, face: F32, now: F32) -> tuple[float, float, float]:
    upper = (UPPER_ROWS, UPPER_COLUMNS)
    alike = float(np.corrcoef(patch[upper].ravel(), now[upper].ravel())[0, 1])
    mouth = _detail(now, face, mouth=True) / _detail(patch, landmarks, mouth=True)
    eyes = _detail(now, face, mouth=False) / _detail(patch, landmarks, mouth=False)
    return alike, _misfit(landmarks, face), mouth / eyes


def _detail(patch: F32, landmarks: F32, *, mouth: bool) -> float:
    """Root mean square of what is fine."""
    fine = patch - cv2.GaussianBlur(patch, (0, 0), FINE_PX)
    if not mouth:
        return float(np.sqrt(np.square(fine[EYES]).mean())) + 1e-3
    x, y = (round(at) for at in layout_of(landmarks).seam)
    part = fine[max(0, y - MOUTH_UP) : y + MOUTH_DOWN, x - MOUTH_HALF : x + MOUTH_HALF + 1]
    return float(np.sqrt(np.square(part).mean())) + 1e-3


def _misfit(landmarks: F32, face: F32) -> float:
    """Mean distance of the rigid landmarks, S, after the best similarity."""
    wanted, found = (points[list(RIGID), :2].astype(np.float64) for points in (landmarks, face))
    wanted, found = (_centred(points) for points in (wanted, found))
    turn = np.vdot(_plane(found), _plane(wanted)) / np.vdot(_plane(found), _plane(found))
    apart = np.abs(_plane(found) * turn - _plane(wanted))
    return float(apart.mean()) / span_px(landmarks)


def _centred(points: F64) -> F64:
    return np.asarray(points - points.mean(axis=0), np.float64)


def _plane(points: F64) -> "np.ndarray[tuple[int], np.dtype[np.complex128]]":
    return points[:, 0] + 1j * points[:, 1]
