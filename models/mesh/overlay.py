"""Lays the network's pictures over frames whose head has moved, with the head's own movement."""

from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from models.mesh.grid import Box, Grid
from models.mesh.patch import FaceBox
from models.mesh.sampling import Sampler

CELLS_AROUND = 3  # of the box at rest: so far the head moves


@dataclass(frozen=True)
class Place:
    """Where on the frame the pictures go."""

    box: Box  # cells of the grid in which they can show
    cell: int
    origin: tuple[float, float]  # frame pixels of the picture's upper left corner at rest
    scale: tuple[float, float]  # picture pixels a frame pixel, x and y

    def on_picture(self, places: Tensor) -> Tensor:
        """Frame pixels (B, 2, ...) to pixels of the picture; pixel centres are whole numbers."""
        planes = [
            (places[:, axis] + 0.5 - self.origin[axis]) * self.scale[axis] - 0.5 for axis in (0, 1)
        ]
        return torch.stack(planes, dim=1)


def place_of(face: FaceBox, top: int, size: int, grid: Grid) -> Place:
    """For rows `top`.. of a picture of `size` pixels that covers the face's box."""
    scale = size / face.width, size / face.height
    origin = face.left, face.top + top / scale[1]
    low = np.floor(np.array(origin) / grid.cell).astype(int) - CELLS_AROUND
    high = np.ceil(np.array([face.left + face.width, face.top + face.height]) / grid.cell)
    rows, columns = grid.shape
    left, upper = np.clip(low, 0, [columns - 2, rows - 2])
    right, lower = np.clip(high.astype(int) + CELLS_AROUND, [left + 1, upper + 1], [columns, rows])
    return Place(Box(int(left), int(upper), int(right), int(lower)), grid.cell, origin, scale)


class Overlay(Protocol):
    def __call__(self, frames: Tensor, pictures: Tensor, places: Tensor, place: Place) -> None:
        """Into frames (B, H, W, C) uint8: pictures (B, h, w, 4) RGB and opacity, 0..255 float.

        `places` (B, 2, gh, gw) is where each node's picture comes from, frame pixels.
        """


class TorchOverlay:
    def __init__(self, sampler: Sampler) -> None:
        self._sampler = sampler

    def __call__(self, frames: Tensor, pictures: Tensor, places: Tensor, place: Place) -> None:
        fine = self._sampler.enlarge(place.box.of(places), place.cell)
        under = _under(frames, place, fine)
        where = place.on_picture(fine)[:, :, : under.shape[1], : under.shape[2]]
        height, width = pictures.shape[1:3]
        extent = torch.tensor([width, height], device=where.device, dtype=where.dtype)
        grid = (2 * where.permute(0, 2, 3, 1) + 1) / extent - 1
        read = functional.grid_sample(
            pictures.permute(0, 3, 1, 2),
            grid,
            mode="bicubic",
            padding_mode="zeros",
            align_corners=False,
        ).permute(0, 2, 3, 1)
        share = (read[..., 3:] / 255).clamp(0, 1)
        under.copy_((under + share * (read[..., :3] - under)).round().clamp(0, 255))


class CpuOverlay:
    """The same with OpenCV, frame by frame: its planes stay in the cache."""

    def __init__(self, sampler: Sampler) -> None:
        self._sampler = sampler

    def __call__(self, frames: Tensor, pictures: Tensor, places: Tensor, place: Place) -> None:
        fine = self._sampler.enlarge(place.box.of(places), place.cell)
        under = _under(frames, place, fine).numpy()
        where = place.on_picture(fine)[:, :, : under.shape[1], : under.shape[2]]
        x, y = (np.ascontiguousarray(plane) for plane in where.transpose(0, 1).numpy())
        for index, picture in enumerate(pictures.numpy()):
            read = cv2.remap(picture, x[index], y[index], cv2.INTER_CUBIC)
            share = np.clip(read[..., 3:] / np.float32(255), 0, 1)
            mixed = under[index] + share * (read[..., :3] - under[index])
            under[index] = np.clip(np.rint(mixed), 0, 255)


def _under(frames: Tensor, place: Place, fine: Tensor) -> Tensor:
    """The part of the frames that the fine planes cover; the last cells may reach beyond."""
    top, left = place.box.top * place.cell, place.box.left * place.cell
    return frames[:, top : top + fine.shape[2], left : left + fine.shape[3], :3]
