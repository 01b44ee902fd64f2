"""Which part of a framed portrait the network redraws, what it sees of it, and what shows."""

import cv2
import numpy as np
import torch
from torch import Tensor

from models.arrays import F32, U8
from models.mesh.canvas import SUPERSAMPLING, Canvas
from models.mesh.patch import FaceBox, box_picture
from models.musetalk.layout import PICTURE
from models.portrait.topology import FACE_OVAL

# The jaw from ear to ear and the nose's bridge, where 68 points are counted 0 to 16 and 29.
JAW = (127, 234, 93, 58, 172, 136, 149, 148, 152, 377, 378, 365, 397, 288, 323, 454, 356)
NOSE = 5
BELOW_CHIN = 10 / 256  # of the box: version 1.5 was trained with so much more

HIDDEN_FROM = PICTURE // 2  # the first row that the network does not see
SHOWN_FROM = HIDDEN_FROM - 8  # and the first that is shown
MARGIN, FADE = 3, 24  # pixels at the edges that never show, and over which the rest fades in
OPENED = 1.04  # the drawn chin may be so much lower than the portrait's


def face_box(landmarks: F32) -> FaceBox:
    """Landmarks (478, 3) in frame pixels; the nose's bridge stands in the middle of the height."""
    jaw = landmarks[list(JAW), :2]
    (left, _), (right, chin) = jaw.min(axis=0), jaw.max(axis=0)
    top = max(0.0, 2 * float(landmarks[NOSE, 1]) - float(chin))
    height = (float(chin) - top) * (1 + BELOW_CHIN)
    return FaceBox(float(left), top, float(right - left), height)


def face_picture(canvas: Canvas, box: FaceBox) -> Tensor:
    """(3, 256, 256) RGB, 0..1."""
    shrinks = SUPERSAMPLING * max(box.width, box.height) > PICTURE
    pixels = box_picture(canvas, box, PICTURE, cv2.INTER_AREA if shrinks else cv2.INTER_LANCZOS4)
    return torch.from_numpy(pixels).permute(2, 0, 1).float() / 255


def network_input(face: Tensor) -> Tensor:
    """(3, 256, 256) to (2, 3, 256, 256), -1..1: the face without its lower half, and the face."""
    masked = face.clone()
    masked[:, HIDDEN_FROM:] = 0
    return 2 * torch.stack([masked, face]) - 1


def opacity(landmarks: F32, box: FaceBox) -> Tensor:
    """(h, 256) of rows SHOWN_FROM.., 0..1: the lower face, as far as its oval reaches."""
    corner, size = np.array([box.left, box.top]), np.array([box.width, box.height])
    oval = (landmarks[list(FACE_OVAL), :2] - corner) * (PICTURE / size)
    below = np.maximum(0, oval[:, 1] - HIDDEN_FROM)
    oval[:, 1] += (OPENED - 1) * below
    inside: U8 = np.zeros((PICTURE, PICTURE), np.uint8)
    cv2.fillPoly(inside, [np.rint(oval).astype(np.int32)], 1)
    inside[:SHOWN_FROM] = 0
    for edge in (inside[-MARGIN:], inside[:, :MARGIN], inside[:, -MARGIN:]):
        edge[:] = 0
    depth = cv2.distanceTransform(inside, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    share = np.clip(depth[SHOWN_FROM:] / FADE, 0, 1).astype(np.float32)
    return torch.from_numpy(share * share * (3 - 2 * share))
