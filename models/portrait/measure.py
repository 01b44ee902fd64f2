"""What a face in a picture is like: sharp or not, eyes and mouth open or not, hidden or not.

Everything is measured on an upright cut-out of known scale, in units of S, the distance between
the outer eye corners. The thresholds were set on ten portraits, photographs and paintings, against
blurred and covered copies of them.
"""

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np

from models.arrays import F32, U8, Bool
from models.portrait import topology

EYE_DISTANCE = 70  # pixels of S in the cut-out; a smaller face is not enlarged
BLUR_WINDOW = 9  # pixels of the re-blurring that sharpness compares with
EYES_HALF, EYES_CLOSED = 0.17, 0.10  # lid gap over eye width; open ones have 0.2 to 0.4
MOUTH_OPEN = 0.03  # gap between the inner lips, in S
TEETH_SHARE = 0.35  # of the open mouth

Eyes = Literal["open", "half", "closed"]
Mouth = Literal["closed", "open", "smiling with teeth"]


@dataclass(frozen=True)
class Cutout:
    """A face, upright, at most EYE_DISTANCE pixels of S."""

    rgb: U8  # (N, N, 3)
    points: F32  # (478, 2) its landmarks there

    @property
    def gray(self) -> F32:
        return np.asarray(cv2.cvtColor(self.rgb, cv2.COLOR_RGB2GRAY), np.float32)

    def inside(self, ring: list[int]) -> Bool:
        """(N, N) the inside of a polygon of landmarks."""
        mask = np.zeros(self.rgb.shape[:2], np.uint8)
        corners = np.round(self.points[ring] * 16).astype(np.int32)
        cv2.fillPoly(mask, [corners], 1, lineType=cv2.LINE_8, shift=4)
        return mask > 0


def cut_out(rgb: U8, landmarks: F32) -> Cutout:
    """The face at a fixed scale, for sharpness must not depend on its size; reduced by area."""
    points = landmarks[:, :2]
    scale = min(1.0, EYE_DISTANCE / max(eye_distance(landmarks), 1e-6))
    limit = np.array([rgb.shape[1], rgb.shape[0]])
    reach = np.ptp(points, axis=0).max() * 0.75
    middle = (points.min(axis=0) + points.max(axis=0)) / 2
    low = np.clip(middle - reach, 0, limit - 1).astype(int)
    high = np.clip(middle + reach, low + 1, limit).astype(int)
    size = np.maximum(np.round((high - low) * scale), 1).astype(int)
    window = rgb[low[1] : high[1], low[0] : high[0]]
    small = cv2.resize(window, size.tolist(), interpolation=cv2.INTER_AREA)
    return _upright(np.asarray(small, np.uint8), (points - low) * (size / (high - low)))


def _upright(rgb: U8, points: F32) -> Cutout:
    across = points[topology.RIGHT_EYE_OUTER] - points[topology.LEFT_EYE_OUTER]
    cos, sin = across / max(float(np.hypot(*across)), 1e-6)
    turn = np.array([[cos, sin], [-sin, cos]])
    turned = points @ turn.T
    low = turned.min(axis=0)
    side = int(np.ceil(np.ptp(turned, axis=0).max())) + 1
    matrix = np.column_stack([turn, -low])
    flags, border = cv2.INTER_CUBIC, cv2.BORDER_REPLICATE
    upright = cv2.warpAffine(rgb, matrix, (side, side), flags=flags, borderMode=border)
    return Cutout(np.asarray(upright, np.uint8), (turned - low).astype(np.float32))


def eye_distance(landmarks: F32) -> float:
    """S in pixels."""
    return _gap(landmarks, topology.LEFT_EYE_OUTER, topology.RIGHT_EYE_OUTER)


def sharpness(cutout: Cutout) -> float:
    """Share of the gradients that a blur would take away, in the worse of two directions, 0..1.

    After Crete et al. 2007. Portraits have 0.45 to 0.7; a blur of 0.03 S or a motion of 0.12 S
    brings all of them below 0.35.
    """
    gray = cutout.gray
    shares = []
    for axis, window in ((0, (1, BLUR_WINDOW)), (1, (BLUR_WINDOW, 1))):
        steps = np.abs(np.diff(gray, axis=axis))
        blurred = np.abs(np.diff(np.asarray(cv2.blur(gray, window), np.float32), axis=axis))
        shares.append(np.maximum(steps - blurred, 0).sum() / max(float(steps.sum()), 1e-6))
    return float(min(shares))


def brightness(cutout: Cutout) -> float:
    """Median gray value of the skin, 0..255."""
    return float(np.median(cutout.gray[cutout.inside(list(topology.FACE_OVAL))]))


def eyes(landmarks: F32) -> Eyes:
    """Of the wider eye: one of them may be turned away."""
    lids = (
        (topology.LEFT_LID_UPPER, topology.LEFT_LID_LOWER),
        (topology.RIGHT_LID_UPPER, topology.RIGHT_LID_LOWER),
    )
    opening = max(_opening(landmarks, upper, lower) for upper, lower in lids)
    return "closed" if opening < EYES_CLOSED else "half" if opening < EYES_HALF else "open"


def _opening(landmarks: F32, upper: tuple[int, ...], lower: tuple[int, ...]) -> float:
    gaps = [_gap(landmarks, a, b) for a, b in zip(upper[3:6], lower[3:6], strict=True)]
    return float(np.mean(gaps)) / max(_gap(landmarks, upper[0], upper[-1]), 1e-6)


def mouth(cutout: Cutout) -> Mouth:
    gap = _gap(cutout.points, topology.UPPER_LIP_CENTRE, topology.LOWER_LIP_CENTRE)
    if gap < MOUTH_OPEN * eye_distance(cutout.points):
        return "closed"
    hole = cutout.inside([*topology.LIP_UPPER_INNER, *topology.LIP_LOWER_INNER[::-1]])
    colours = cutout.rgb[hole].astype(np.float32)  # (K, 3)
    if not len(colours):
        return "open"
    pale = np.ptp(colours, axis=1) < 0.35 * colours.max(axis=1)
    bright = cutout.gray[hole] > 0.72 * brightness(cutout)
    return "smiling with teeth" if (pale & bright).mean() > TEETH_SHARE else "open"


def mouth_detail(cutout: Cutout) -> float:
    """Mean gradient at the lips over that at the eyes: 0.4 to 1.2, near 0 under a hand or mask."""
    gray = cutout.gray
    gradient = np.hypot(cv2.Sobel(gray, cv2.CV_32F, 1, 0), cv2.Sobel(gray, cv2.CV_32F, 0, 1))
    lips = cutout.inside([*topology.LIP_UPPER_OUTER, *topology.LIP_LOWER_OUTER[::-1]])
    eye_area = cutout.inside([*topology.LEFT_LID_UPPER, *topology.LEFT_LID_LOWER[::-1]])
    eye_area |= cutout.inside([*topology.RIGHT_LID_UPPER, *topology.RIGHT_LID_LOWER[::-1]])
    if not (lips.any() and eye_area.any()):
        return 1.0
    return float(gradient[lips].mean() / max(float(gradient[eye_area].mean()), 1e-6))


def _gap(points: F32, first: int, second: int) -> float:
    return float(np.hypot(*(points[first, :2] - points[second, :2])))
