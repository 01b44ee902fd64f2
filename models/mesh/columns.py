"""Warps that move a picture along columns: exact at contours, never folding, nothing to invert.

A feature (the mouth, an eye) gets a local frame (u along it, v down the face, in units of S) and a
stack of contours v_k(u), its knots. Moving the knots says where each contour is to appear; between
knots the picture stretches linearly. The inverse map that sampling needs is then a closed form,
    v_source(v) = s_0 + sum_k clamp((v - t_k) / (t_k+1 - t_k), 0, 1) * (s_k+1 - s_k),
with slope one beyond both ends. `s` are the knots in the photo and `t` in the frame.
"""

from dataclasses import dataclass

import numpy as np
import torch
from scipy.interpolate import PchipInterpolator
from torch import Tensor

from models.arrays import F32, F64

COLUMNS = 257
REACH = 1.0  # columns run from u = -REACH to REACH, units of S
MIN_STRETCH = 1e-4  # keeps a merged pair of knots from dividing by zero


@dataclass(frozen=True)
class LocalFrame:
    """An affine frame on the face: pixel = origin + u * right + v * down."""

    origin: F64  # (2,) pixels
    axes: F64  # (2, 2) columns right and down, pixels a unit of S

    def local(self, points: F32) -> F64:
        """Pixels (N, 2) to (u, v)."""
        return np.asarray((points - self.origin) @ self.inverse.T, np.float64)

    @property
    def inverse(self) -> F64:
        return np.asarray(np.linalg.inv(self.axes), np.float64)

    def pixels(self, local: F64) -> F64:
        """(u, v) of (N, 2) to pixels."""
        return np.asarray(local @ self.axes.T + self.origin, np.float64)


def column_grid() -> F64:
    """The u of every column, (COLUMNS,)."""
    return np.linspace(-REACH, REACH, COLUMNS)


def contour(points: F64) -> F64:
    """v at every column through local `points` (K, 2) from left to right; level beyond the ends."""
    u = np.maximum.accumulate(points[:, 0]) + np.arange(len(points)) * 1e-6
    grid = np.clip(column_grid(), u[0], u[-1])
    return np.asarray(PchipInterpolator(u, points[:, 1])(grid), np.float64)


def at_columns(curves: Tensor, u: Tensor) -> Tensor:
    """Curves (B, K, COLUMNS) read at u (B, h, w): (B, K, h, w), linear between columns."""
    position = ((u + REACH) * ((COLUMNS - 1) / (2 * REACH))).clamp(0, COLUMNS - 1.001)
    left = position.floor()
    weight = (position - left)[:, None]
    index = left.long().flatten(1)[:, None].expand(-1, curves.shape[1], -1)
    shape = (len(u), curves.shape[1], *u.shape[1:])
    low, high = (torch.gather(curves, 2, at).reshape(shape) for at in (index, index + 1))
    return low + weight * (high - low)


def source_of(v: Tensor, target: Tensor, source: Tensor) -> Tensor:
    """Where in the photo v (B, h, w) comes from, knots `target` and `source` (B, K, h, w)."""
    place = source[:, 0] + (v - target[:, 0]).clamp_max(0) + (v - target[:, -1]).clamp_min(0)
    for k in range(target.shape[1] - 1):
        span = (target[:, k + 1] - target[:, k]).clamp_min(MIN_STRETCH)
        share = ((v - target[:, k]) / span).clamp(0, 1)
        place = place + share * (source[:, k + 1] - source[:, k])
    return place


def smoothstep(x: F64) -> F64:
    """0 below 0, 1 above 1, smooth between."""
    x = np.clip(x, 0, 1)
    return x * x * (3 - 2 * x)
