"""Finds faces with the two detectors of MediaPipe: boxes and six keypoints, no landmarks yet.

Pre- and post-processing as MediaPipe's face_detection graphs have it: letterbox, SSD anchors with
a fixed size of 1, weighted non-maximum suppression.
"""

from dataclasses import dataclass

import cv2
import numpy as np
import torch

from models.arrays import F32, U8
from models.portrait.interpreter import Network

OVERLAP = 0.3
LEFT_EYE, RIGHT_EYE = 0, 1  # as seen in the picture


@dataclass(frozen=True)
class Detection:
    """In pixels of the picture."""

    box: F32  # (4,) left, top, right, bottom
    keypoints: F32  # (6, 2) left eye, right eye, nose, mouth, left ear, right ear
    score: float  # 0..1


@dataclass(frozen=True)
class Detector:
    """One network with its anchors; `faces` may be called often."""

    network: Network
    size: int  # side of its square input
    anchors: F32  # (N, 2) centres, 0..1
    threshold: float
    boxes_output: str
    scores_output: str

    def faces(self, rgb: U8) -> list[Detection]:
        """(H, W, 3) -> faces above the threshold, best first."""
        square, scale, offset = letterbox(rgb, self.size)
        outputs = self.network(torch.from_numpy(square.astype(np.float32) / 127.5 - 1)[None])
        scores = outputs[self.scores_output][0, :, 0].clamp(-100, 100).sigmoid().numpy()
        found = np.flatnonzero(scores >= self.threshold)
        values = outputs[self.boxes_output][0].numpy()[found]  # (K, 16) pixels of the square
        points = values.reshape(-1, 8, 2)
        anchors = self.anchors[found][:, None] * self.size
        centres, sizes = points[:, :1] + anchors, points[:, 1:2]
        corners = np.concatenate(
            [centres - sizes / 2, centres + sizes / 2, points[:, 2:] + anchors], 1
        )
        corners = (corners - offset) / scale
        return suppress(corners.astype(np.float32), scores[found])


def full_range(network: Network) -> Detector:
    """Faces within 5 m of the camera; the better one for portraits."""
    return Detector(network, 192, grid(48, 1), 0.6, "Identity", "Identity_1")


def short_range(network: Network) -> Detector:
    """Faces within 2 m; also fires on drawings the other misses."""
    anchors = np.concatenate([grid(16, 2), grid(8, 6)])
    return Detector(network, 128, anchors, 0.5, "regressors", "classificators")


def grid(cells: int, repeats: int) -> F32:
    """(cells * cells * repeats, 2) centres of a square grid's cells, row by row, 0..1."""
    centres = (np.arange(cells, dtype=np.float32) + 0.5) / cells
    x, y = np.meshgrid(centres, centres)
    return np.repeat(np.stack([x.ravel(), y.ravel()], 1), repeats, axis=0)


def letterbox(rgb: U8, size: int) -> tuple[U8, float, F32]:
    """Fit the picture into a black square; also the scale and offset (2,) that did it."""
    height, width = rgb.shape[:2]
    scale = size / max(height, width)
    new = (max(round(width * scale), 1), max(round(height * scale), 1))
    shrunk = cv2.resize(rgb, new, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    left, top = (size - new[0]) // 2, (size - new[1]) // 2
    square = np.zeros((size, size, 3), np.uint8)
    square[top : top + new[1], left : left + new[0]] = shrunk
    return square, scale, np.array([left, top], np.float32)


def suppress(corners: F32, scores: F32) -> list[Detection]:
    """Weighted non-maximum suppression: a face is the score-weighted mean of what overlaps it.

    `corners` (K, 8, 2): left-top, right-bottom, then the six keypoints.
    """
    remaining = np.argsort(-scores, kind="stable")
    faces = []
    while len(remaining):
        same = overlap(corners[remaining[0], :2], corners[remaining, :2]) > OVERLAP
        same[0] = True
        group, remaining = remaining[same], remaining[~same]
        mean = np.average(corners[group], axis=0, weights=scores[group]).astype(np.float32)
        faces.append(Detection(mean[:2].ravel(), mean[2:], float(scores[group[0]])))
    return faces


def overlap(box: F32, others: F32) -> F32:
    """Intersection over union of one box (2, 2) with others (K, 2, 2)."""
    shared = np.minimum(box[1], others[:, 1]) - np.maximum(box[0], others[:, 0])
    intersection = np.prod(np.maximum(shared, 0), axis=1)
    areas = np.prod(others[:, 1] - others[:, 0], axis=1)
    union = np.prod(box[1] - box[0]) + areas - intersection
    result: F32 = intersection / np.maximum(union, 1e-9)
    return result
