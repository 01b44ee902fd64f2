"""A part of a framed portrait that a network draws anew, and its colours beside the old ones."""

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import Tensor

from models.arrays import U8
from models.mesh.canvas import SUPERSAMPLING, Canvas


@dataclass(frozen=True)
class FaceBox:
    """In frame pixels, edges of pixels; the network's picture covers it exactly."""

    left: float
    top: float
    width: float
    height: float


def box_picture(canvas: Canvas, box: FaceBox, size: int, interpolation: int) -> U8:
    """The box as a square, (size, size, 3) RGB; `interpolation` is OpenCV's."""
    fine = SUPERSAMPLING * np.array([box.left, box.top, box.width, box.height])
    left, top = np.floor(fine[:2]).astype(int)
    right, bottom = np.ceil(fine[:2] + fine[2:]).astype(int)
    (height, width), rgb = canvas.pixels.shape[:2], canvas.rgb
    inside = rgb[max(0, top) : min(height, bottom), max(0, left) : min(width, right)]
    beyond = (max(0, -top), max(0, bottom - height), max(0, -left), max(0, right - width))
    whole = cv2.copyMakeBorder(inside, *beyond, cv2.BORDER_REPLICATE)
    return np.asarray(cv2.resize(whole, (size, size), interpolation=interpolation), np.uint8)


def colour_offset(face: Tensor, drawn: Tensor, shown: Tensor) -> Tensor:
    """What to add to every drawn picture (3, h, S) so that its edge has the portrait's colours.

    The difference where the picture fades out, spread smoothly over what lies within.
    """
    apart = (face[:, -drawn.shape[1] :] - drawn).permute(1, 2, 0).numpy()
    edge = (4 * shown * (1 - shown)).numpy()[..., None] + 1e-4
    sigma = drawn.shape[2] / 12
    summed = cv2.GaussianBlur(apart * edge, (0, 0), sigma)
    weight = cv2.GaussianBlur(np.repeat(edge, 3, axis=2), (0, 0), sigma)
    return torch.from_numpy(np.ascontiguousarray(summed / weight)).permute(2, 0, 1)
