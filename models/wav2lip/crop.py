"""Which square of a framed portrait the network redraws, and how its picture is laid back."""

import cv2
import numpy as np
import torch
from torch import Tensor

from models.arrays import F32
from models.mesh.canvas import Canvas
from models.mesh.patch import FaceBox, box_picture
from models.portrait.topology import FACE_OVAL

BELOW_CHIN = 0.04  # of the face's height: the network was trained on boxes that reach so far
SHOWN_FROM = 46 / 96  # of the face: from a little above its masked half, in which we fade in
FADE_TOP, FADE_SIDE, FADE_BOTTOM = 9 / 96, 10 / 96, 6 / 96
MARGIN = 2 / 96  # beyond which nothing shows: what interpolates at the edge reaches so far


def face_box(landmarks: F32) -> FaceBox:
    """Landmarks (478, 3) in frame pixels."""
    oval = landmarks[list(FACE_OVAL), :2]
    (left, top), (right, bottom) = oval.min(axis=0), oval.max(axis=0)
    height = (bottom - top) * (1 + BELOW_CHIN)
    return FaceBox(float(left), float(top), float(right - left), float(height))


def face_picture(canvas: Canvas, box: FaceBox, size: int) -> Tensor:
    """The box as the network sees it: (3, size, size) BGR, 0..1."""
    bgr = np.ascontiguousarray(box_picture(canvas, box, size, cv2.INTER_AREA)[..., ::-1])
    return torch.from_numpy(bgr).permute(2, 0, 1).float() / 255


def network_input(face: Tensor) -> Tensor:
    """(3, S, S) to (1, 6, S, S): the face without its lower half, and the face."""
    masked = face.clone()
    masked[:, face.shape[1] // 2 :] = 0
    return torch.cat([masked, face])[None]


def shown_from(size: int) -> int:
    """The first row of the face that is shown at all."""
    return round(SHOWN_FROM * size)


def opacity(size: int, top: int) -> Tensor:
    """(h, size) of rows `top`.., 0..1: 0 at every edge, narrower below like a jaw."""
    x = (torch.arange(size) + 0.5) / size
    y = (torch.arange(top, size) + 0.5) / size
    across = _fade(torch.minimum(x, 1 - x), FADE_SIDE)
    down = torch.minimum(_fade(y - top / size, FADE_TOP), _fade(1 - y, FADE_BOTTOM))
    depth = ((y - 0.5) / 0.5).clamp(0, 1)
    half = 0.5 * (1 - 0.35 * depth.square())  # of the width that is shown: a jaw narrows
    jaw = _fade(half[:, None] - (x - 0.5).abs()[None], FADE_SIDE)
    return torch.minimum(torch.minimum(across[None], down[:, None]), jaw)


def _fade(distance: Tensor, over: float) -> Tensor:
    """From 0 at the margin to 1, smoothly."""
    share = ((distance - MARGIN) / over).clamp(0, 1)
    return share * share * (3 - 2 * share)
