"""The eyes as knots over columns: a lid that slides over the eyeball."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from models.arrays import F32, F64
from models.mesh.columns import LocalFrame, column_grid, contour, smoothstep
from models.portrait import topology

BROW, CREASE, UPPER, LOWER, BELOW = range(5)

LID_STRIP = 0.055  # least height between the crease and the lid's edge, units of S
LOWER_LID_RISE = 0.04  # of the opening, as the eye closes
CREASE_DROP = 0.25  # of the lid's travel that the crease follows


@dataclass(frozen=True)
class Eye:
    """Knots and weights per column, units of S."""

    frame: LocalFrame
    scale: float  # S, pixels
    knots: Tensor  # (5, C)
    opening: Tensor  # (C,) lower minus upper lid edge in the photo
    brow: Tensor  # (C,) share of the brow's raise
    iris: tuple[float, float]  # its centre, local
    half_width: float

    def travel(self, blink: Tensor) -> Tensor:
        """How far the upper lid's edge comes down, (B, C)."""
        return blink[:, None] * (1 - LOWER_LID_RISE) * self.opening

    def targets(self, blink: Tensor) -> Tensor:
        """Blink (B,) 0..1 to knots (B, 5, C)."""
        amount = blink[:, None]
        moved = self.knots.expand(len(blink), -1, -1).clone()
        travel = self.travel(blink)
        moved[:, UPPER] += travel
        moved[:, CREASE] += CREASE_DROP * travel
        moved[:, LOWER] -= amount * LOWER_LID_RISE * self.opening
        return moved


def measure_eyes(landmarks: F32, scale: float) -> tuple[Eye, Eye]:
    """Landmarks (478, 3) in frame pixels and S to (left, right) eye, as seen in the picture."""
    rings = topology.LEFT_EYE, topology.RIGHT_EYE
    left, right = (_measure(landmarks, scale, *eye) for eye in rings)
    return left, right


def _measure(
    landmarks: F32,
    scale: float,
    upper: tuple[int, ...],
    lower: tuple[int, ...],
    crease: tuple[int, ...],
    brow: tuple[int, ...],
    below: tuple[int, ...],
    iris: int,
) -> Eye:
    flat = landmarks[:, :2].astype(np.float64)
    corner_left, corner_right = flat[upper[0]], flat[upper[-1]]
    right = (corner_right - corner_left) / np.linalg.norm(corner_right - corner_left)
    frame = LocalFrame(
        (corner_left + corner_right) / 2,
        np.column_stack([right, np.array([-right[1], right[0]])]) * scale,
    )
    local = frame.local(landmarks[:, :2])
    knots = _rest_knots(*(local[list(ring)] for ring in (upper, lower, crease, brow, below)))
    half_width = float(local[upper[-1], 0])
    return Eye(
        frame=frame,
        scale=scale,
        knots=_tensor(knots),
        opening=_tensor(knots[LOWER] - knots[UPPER]),
        brow=_tensor(
            1 - smoothstep((np.abs(column_grid()) - 0.8 * half_width) / (0.9 * half_width))
        ),
        iris=(float(local[iris, 0]), float(local[iris, 1])),
        half_width=half_width,
    )


def _rest_knots(upper: F64, lower: F64, crease: F64, brow: F64, below: F64) -> F64:
    top, low = contour(upper), contour(lower)
    low = np.maximum(low, top)
    fold = np.minimum(contour(crease), top - LID_STRIP)
    arch = np.minimum(contour(brow), fold - 0.03)
    return np.stack([arch, fold, top, low, np.maximum(contour(below), low + 0.05)])


def _tensor(values: F64) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(values, np.float32))
