"""Enlarging grids to pixels and reading pictures at fractional places.

Planes are (B, C, gh, gw) on a grid's nodes. Places are frame pixels, x before y; pictures are
(H, W, C) at SUPERSAMPLING, uint8 or float. Both samplers do the same sums; OpenCV's bilinear
sampling has steps of 1/32 pixel and is about ten times as fast on a CPU as grid_sample.
"""

from typing import Protocol

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from models.mesh.canvas import SUPERSAMPLING


class Sampler(Protocol):
    def enlarge(self, planes: Tensor, cell: int) -> Tensor:
        """Planes on nodes to pixels: (B, C, gh * cell, gw * cell)."""

    def read(self, picture: Tensor, places: Tensor) -> Tensor:
        """`picture` at pixel places (B, 2, h, w): (B, h, w, C), of the picture's type."""

    def warp(
        self, picture: Tensor, places: Tensor, still: Tensor, left_top: tuple[int, int], cell: int
    ) -> Tensor:
        """`still` (H, W, C), over it `picture` at places on nodes: frames (B, H, W, C).

        The first node's cell lies at `left_top` pixels of the frame.
        """


class CpuSampler:
    def enlarge(self, planes: Tensor, cell: int) -> Tensor:
        nodes = _extended(planes).contiguous().numpy()
        count, channels, rows, columns = planes.shape
        pixels = np.empty((count, channels, rows * cell, columns * cell), np.float32)
        target = (nodes.shape[3] * cell, nodes.shape[2] * cell)
        for frame in range(count):
            for channel in range(channels):
                fine = cv2.resize(nodes[frame, channel], target, interpolation=cv2.INTER_LINEAR)
                pixels[frame, channel] = fine[cell:-cell, cell:-cell]
        return torch.from_numpy(pixels)

    def read(self, picture: Tensor, places: Tensor) -> Tensor:
        source, fine = picture.numpy(), _on_canvas(places).contiguous().numpy()
        pixels = np.empty((len(fine), *fine.shape[2:], source.shape[2]), source.dtype)
        for frame, (x, y) in enumerate(fine):
            _remap(source, x, y, pixels[frame])
        return torch.from_numpy(pixels)

    def warp(
        self, picture: Tensor, places: Tensor, still: Tensor, left_top: tuple[int, int], cell: int
    ) -> Tensor:
        source, nodes = picture.numpy(), _extended(_on_canvas(places)).contiguous().numpy()
        (left, top), (height, width) = left_top, still.shape[:2]
        frames = np.empty((len(nodes), *still.shape), source.dtype)
        frames[:] = still.numpy()
        target = (nodes.shape[3] * cell, nodes.shape[2] * cell)
        fine_x, fine_y = (np.empty(target[::-1], np.float32) for _ in range(2))
        rows = min(places.shape[2] * cell, height - top)
        columns = min(places.shape[3] * cell, width - left)
        inside = slice(cell, cell + rows), slice(cell, cell + columns)
        for frame, (x, y) in enumerate(nodes):  # one by one: a frame's planes stay in the cache
            cv2.resize(x, target, fine_x, interpolation=cv2.INTER_LINEAR)
            cv2.resize(y, target, fine_y, interpolation=cv2.INTER_LINEAR)
            moved = frames[frame, top : top + rows, left : left + columns]
            _remap(source, fine_x[inside], fine_y[inside], moved)
        return torch.from_numpy(frames)


class TorchSampler:
    def enlarge(self, planes: Tensor, cell: int) -> Tensor:
        fine = functional.interpolate(
            _extended(planes), scale_factor=float(cell), mode="bilinear", align_corners=False
        )
        return fine[..., cell:-cell, cell:-cell]

    def read(self, picture: Tensor, places: Tensor) -> Tensor:
        height, width = picture.shape[:2]
        source = picture.permute(2, 0, 1)[None].float().expand(len(places), -1, -1, -1)
        extent = torch.tensor([width, height], device=places.device, dtype=places.dtype)
        grid = (2 * _on_canvas(places).permute(0, 2, 3, 1) + 1) / extent - 1
        read = functional.grid_sample(source, grid, padding_mode="border", align_corners=False)
        pixels = read.permute(0, 2, 3, 1)
        return pixels.round().to(torch.uint8) if picture.dtype == torch.uint8 else pixels

    def warp(
        self, picture: Tensor, places: Tensor, still: Tensor, left_top: tuple[int, int], cell: int
    ) -> Tensor:
        left, top = left_top
        frames = still.expand(len(places), *still.shape).clone()
        target = frames[:, top:, left:]
        fine = self.enlarge(places, cell)[..., : target.shape[1], : target.shape[2]]
        target[:, : fine.shape[2], : fine.shape[3]] = self.read(picture, fine)
        return frames


def _remap(source: np.ndarray, x: np.ndarray, y: np.ndarray, out: np.ndarray) -> None:
    cv2.remap(source, x, y, cv2.INTER_LINEAR, out, borderMode=cv2.BORDER_REPLICATE)


def _on_canvas(places: Tensor) -> Tensor:
    """Frame pixels to pixels of the supersampled canvas."""
    return places * SUPERSAMPLING + (SUPERSAMPLING - 1) / 2


def _extended(planes: Tensor) -> Tensor:
    """One more ring of nodes, continued linearly: the outermost pixels lie between nodes."""
    rows = [2 * planes[..., :1, :] - planes[..., 1:2, :], planes]
    tall = torch.cat([*rows, 2 * planes[..., -1:, :] - planes[..., -2:-1, :]], dim=-2)
    columns = [2 * tall[..., :1] - tall[..., 1:2], tall]
    return torch.cat([*columns, 2 * tall[..., -1:] - tall[..., -2:-1]], dim=-1)
