"""Reading pictures at fractional places: OpenCV on the CPU, grid_sample elsewhere."""

from typing import Protocol

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from models.mesh.canvas import SUPERSAMPLING
from models.mesh.head import CELL


class Sampler(Protocol):
    """Pictures are (H, W, C), uint8 or float; places are frame pixels (B, 2, h, w), x before y."""

    def picture(self, pixels: Tensor, places: Tensor) -> Tensor:
        """`pixels` at SUPERSAMPLING read at `places`: (B, h, w, C), of the picture's type."""

    def enlarge(self, field: Tensor, size: tuple[int, int]) -> Tensor:
        """A field on the grid (B, 2, gh, gw) at every frame pixel of (W, H): (B, 2, H, W)."""


class CpuSampler:
    """cv2.remap has 1/32 pixel steps and vector code: about ten times grid_sample's speed here."""

    def picture(self, pixels: Tensor, places: Tensor) -> Tensor:
        source = pixels.numpy()
        fine = (places * SUPERSAMPLING + (SUPERSAMPLING - 1) / 2).contiguous().numpy()
        read = [
            cv2.remap(source, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
            for x, y in fine
        ]
        return torch.from_numpy(np.stack(read))

    def enlarge(self, field: Tensor, size: tuple[int, int]) -> Tensor:
        grid = field.permute(0, 2, 3, 1).contiguous().numpy()
        wide = (grid.shape[2] * CELL, grid.shape[1] * CELL)
        fine = [cv2.resize(one, wide, interpolation=cv2.INTER_LINEAR) for one in grid]
        return torch.from_numpy(np.stack(fine)).permute(0, 3, 1, 2)[:, :, : size[1], : size[0]]


class TorchSampler:
    """The batched path for a GPU."""

    def picture(self, pixels: Tensor, places: Tensor) -> Tensor:
        height, width = pixels.shape[:2]
        source = pixels.permute(2, 0, 1)[None].float().expand(len(places), -1, -1, -1)
        fine = places * SUPERSAMPLING + (SUPERSAMPLING - 1) / 2
        extent = torch.tensor([width, height], device=fine.device, dtype=fine.dtype)
        grid = (2 * fine.permute(0, 2, 3, 1) + 1) / extent - 1
        read = functional.grid_sample(source, grid, padding_mode="border", align_corners=False)
        read = read.permute(0, 2, 3, 1)
        return read.round().to(torch.uint8) if pixels.dtype == torch.uint8 else read

    def enlarge(self, field: Tensor, size: tuple[int, int]) -> Tensor:
        fine = functional.interpolate(
            field, scale_factor=CELL, mode="bilinear", align_corners=False
        )
        return fine[:, :, : size[1], : size[0]]
