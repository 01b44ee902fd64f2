"""Small head movements: five basis fields, strongest on the head, nothing at the border."""

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import Tensor

from models.arrays import F32, F64
from models.mesh.columns import smoothstep
from models.mesh.grid import Box, Grid
from models.portrait.topology import CHIN, FACE_OVAL

BORDER_PX = 60  # over which movement dies away, at 512 pixels
NECK_PIVOT = 0.5  # below the chin, units of S: what the head rolls about
AXIS_DEPTH = 0.35  # behind the ears, units of S: what the head turns and nods about


@dataclass(frozen=True)
class HeadBasis:
    """Displacement of every grid node for a unit of tx, ty (units of S), roll, yaw, pitch (rad)."""

    fields: Tensor  # (5, 2 * gh * gw) frame pixels
    grid: tuple[int, int]  # (gh, gw)
    reach: Box  # the cells that move

    def displacement(self, head: Tensor) -> Tensor:
        """Head controls (B, 5) to where a node's picture comes from, (B, 2, gh, gw), pixels."""
        moved = head[:, 0, None] * self.fields[0]
        for axis in range(1, len(self.fields)):  # one by one: the sum must not depend on the batch
            moved = moved + head[:, axis, None] * self.fields[axis]
        return -moved.view(-1, 2, *self.grid)


def head_basis(landmarks: F32, scale: float, grid: Grid) -> HeadBasis:
    """Landmarks (478, 3) in frame pixels, S in pixels and the frame's grid to the five fields."""
    nodes = grid.nodes()
    weight = _head_weight(nodes, landmarks) * _border_weight(nodes, grid.size)
    depth = _depth(grid, landmarks, scale)
    pivot = landmarks[CHIN, :2] + np.array([0.0, NECK_PIVOT * scale])
    offset = nodes - pivot
    zero = np.zeros_like(weight)
    fields = np.stack(
        [
            np.stack([weight * scale, zero]),
            np.stack([zero, weight * scale]),
            np.stack([-offset[..., 1], offset[..., 0]]) * weight,
            np.stack([weight * depth, zero]),
            np.stack([zero, weight * depth]),
        ]
    )
    gh, gw = weight.shape
    rows, columns = (np.flatnonzero(weight.any(axis=axis)) for axis in (1, 0))
    reach = Box(int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1)
    flat = torch.from_numpy(fields.reshape(5, -1).astype(np.float32))
    return HeadBasis(flat, (gh, gw), reach)


def _head_weight(nodes: F64, landmarks: F32) -> F64:
    """1 on the face, falling smoothly over hair and neck."""
    oval = landmarks[list(FACE_OVAL), :2]
    low, high = oval.min(axis=0), oval.max(axis=0)
    centre = (low + high) / 2 - np.array([0.0, 0.08 * (high[1] - low[1])])
    radius = np.array([0.5 * (high[0] - low[0]), 0.56 * (high[1] - low[1])])
    distance = np.linalg.norm((nodes - centre) / radius, axis=-1)
    return 1 - smoothstep((distance - 0.85) / 0.95)


def _border_weight(nodes: F64, size: tuple[int, int]) -> F64:
    far = np.minimum(nodes, np.array(size) - 1 - nodes).min(axis=-1) - 2.0
    return smoothstep(far / (BORDER_PX * min(size) / 512))


def _depth(grid: Grid, landmarks: F32, scale: float) -> F64:
    """Distance before the axis the head turns about, pixels; smooth, from the landmarks' z."""
    behind = float(landmarks[[234, 454], 2].mean()) + AXIS_DEPTH * scale
    height, width = grid.shape
    summed, weight = np.zeros((height, width)), np.zeros((height, width))
    column = np.clip(landmarks[:, 0] / grid.cell, 0, width - 1).astype(int)
    row = np.clip(landmarks[:, 1] / grid.cell, 0, height - 1).astype(int)
    np.add.at(summed, (row, column), behind - landmarks[:, 2])
    np.add.at(weight, (row, column), 1.0)
    sigma = 0.16 * scale / grid.cell
    near = cv2.GaussianBlur(summed, (0, 0), sigma), cv2.GaussianBlur(weight, (0, 0), sigma)
    wide = cv2.GaussianBlur(summed, (0, 0), 4 * sigma), cv2.GaussianBlur(weight, (0, 0), 4 * sigma)
    rest = AXIS_DEPTH * scale * 1e-3
    total = near[0] + 0.02 * wide[0] + 1e-3 * rest
    return np.asarray(total / (near[1] + 0.02 * wide[1] + 1e-3), np.float64)
