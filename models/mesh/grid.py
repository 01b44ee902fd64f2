"""The coarse grid on which warps are computed: nodes at the centres of square cells of pixels."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from models.arrays import F64
from models.mesh.columns import LocalFrame

CELL_SHARE = 1 / 128  # of the short side: 4 pixels at 512


@dataclass(frozen=True)
class Grid:
    """Cells of `cell` pixels cover a frame of `size` (W, H); the last ones may reach beyond it."""

    size: tuple[int, int]
    cell: int

    @property
    def shape(self) -> tuple[int, int]:
        """(gh, gw)."""
        return -(-self.size[1] // self.cell), -(-self.size[0] // self.cell)

    def nodes(self) -> F64:
        """Pixel positions (gh, gw, 2)."""
        rows, columns = self.shape
        x, y = np.arange(columns), np.arange(rows)
        centres = np.stack(np.meshgrid(x, y), axis=-1) * self.cell + (self.cell - 1) / 2
        return np.asarray(centres, np.float64)

    def planes(self) -> Tensor:
        """The same as (2, gh, gw) float32."""
        return torch.from_numpy(np.moveaxis(self.nodes(), -1, 0).astype(np.float32))


def grid_for(size: tuple[int, int]) -> Grid:
    """Cells of 2, 4 or 8 pixels: the same detail of a face at any resolution."""
    wanted = min(size) * CELL_SHARE
    return Grid(size, 2 if wanted < 3 else 4 if wanted < 7 else 8)


@dataclass(frozen=True)
class Box:
    """A rectangle of cells: rows top..bottom-1, columns left..right-1."""

    left: int
    top: int
    right: int
    bottom: int

    def of(self, planes: Tensor) -> Tensor:
        """The part of (..., gh, gw) planes."""
        return planes[..., self.top : self.bottom, self.left : self.right]

    def around(self, other: "Box") -> "Box":
        """The smallest rectangle that holds both."""
        return Box(
            min(self.left, other.left),
            min(self.top, other.top),
            max(self.right, other.right),
            max(self.bottom, other.bottom),
        )

    def within(self, outer: "Box") -> "Box":
        """The same rectangle in the coordinates of `outer`."""
        return Box(
            self.left - outer.left,
            self.top - outer.top,
            self.right - outer.left,
            self.bottom - outer.top,
        )


def box_around(frame: LocalFrame, local: F64, margin: float, grid: Grid) -> Box:
    """The cells that hold local points (N, 2) and `margin` units of S around them."""
    scale = float(np.linalg.norm(frame.axes[:, 0]))
    pixels = frame.pixels(local)
    rows, columns = grid.shape
    low = np.floor((pixels.min(axis=0) - margin * scale) / grid.cell).astype(int)
    high = np.ceil((pixels.max(axis=0) + margin * scale) / grid.cell).astype(int)
    left, top = np.clip(low, 0, [columns - 2, rows - 2])
    right, bottom = np.clip(high, [left + 1, top + 1], [columns, rows])
    return Box(int(left), int(top), int(right), int(bottom))
