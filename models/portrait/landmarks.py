"""478 landmarks of a face inside a rotated square, by the face mesh with attention."""

from dataclasses import dataclass

import cv2
import numpy as np
import torch

from models.arrays import F32, U8
from models.portrait import refinement
from models.portrait.detect import LEFT_EYE, RIGHT_EYE, Detection
from models.portrait.interpreter import Network

INPUT = 192  # pixels a side
LEFT_OUTER_CORNER, RIGHT_OUTER_CORNER = 33, 263  # of the eyes
MARGIN = 1.5  # the square is so much larger than the face's box


@dataclass(frozen=True)
class Region:
    """A square in the picture, turned with the face."""

    centre: F32  # (2,) pixels
    side: float  # pixels
    angle: float  # radians, clockwise in the picture

    @property
    def to_picture(self) -> F32:
        """(2, 3) from pixels of the network's input to those of the picture."""
        cos, sin = np.cos(self.angle), np.sin(self.angle)
        linear = np.array([[cos, -sin], [sin, cos]]) * (self.side / INPUT)
        offset = self.centre - linear @ np.full(2, INPUT / 2)
        return np.column_stack([linear, offset]).astype(np.float32)


def region_of_detection(detection: Detection) -> Region:
    left, right = detection.keypoints[LEFT_EYE], detection.keypoints[RIGHT_EYE]
    return _region(detection.box[:2], detection.box[2:], right - left)


def region_of_landmarks(landmarks: F32) -> Region:
    """(N, 2 or 3) -> the square around them, upright along the eyes."""
    points = landmarks[:, :2]
    across = points[RIGHT_OUTER_CORNER] - points[LEFT_OUTER_CORNER]
    return _region(points.min(axis=0), points.max(axis=0), across)


def _region(low: F32, high: F32, across: F32) -> Region:
    side = MARGIN * float((high - low).max())
    centre: F32 = (low + high) * np.float32(0.5)
    return Region(centre, side, float(np.arctan2(across[1], across[0])))


def find_landmarks(network: Network, rgb: U8, region: Region) -> tuple[F32, float]:
    """((478, 3) landmarks in pixels of the picture, 0..1 how sure it is of a face there)."""
    crop = cut(rgb, region).astype(np.float32) / 255
    outputs = network(torch.from_numpy(crop)[None])
    points = _assemble({name: value.flatten().numpy() for name, value in outputs.items()})
    matrix = region.to_picture
    xy = points[:, :2] @ matrix[:, :2].T + matrix[:, 2]
    z = points[:, 2:] * (region.side / INPUT)
    return np.concatenate([xy, z], axis=1), float(outputs["conv_faceflag"].sigmoid())


def cut(rgb: U8, region: Region) -> U8:
    """(192, 192, 3) the region, upright; shrunk by area first where one step would alias."""
    matrix = region.to_picture
    shrink = int(region.side // INPUT)
    if shrink >= 2:
        rgb, matrix = _shrink(rgb, region, shrink)
    return np.asarray(
        cv2.warpAffine(
            rgb,
            matrix,
            (INPUT, INPUT),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REPLICATE,
        ),
        np.uint8,
    )


def _shrink(rgb: U8, region: Region, factor: int) -> tuple[U8, F32]:
    """The region's surroundings, smaller, and the matrix from the input to their pixels."""
    limit = np.array([rgb.shape[1], rgb.shape[0]])
    reach = region.side * 0.75  # more than half the diagonal
    low = np.clip(region.centre - reach, 0, limit - 1).astype(int)
    high = np.clip(region.centre + reach, low + 1, limit).astype(int)
    size = -(-(high - low) // factor)
    window = rgb[low[1] : high[1], low[0] : high[0]]
    shrunk = cv2.resize(window, size.tolist(), interpolation=cv2.INTER_AREA)
    matrix = region.to_picture
    matrix[:, 2] += 0.5 - low  # pixel centres lie at .5 while the scale changes
    matrix *= (size / (high - low))[:, None]
    matrix[:, 2] -= 0.5
    return np.asarray(shrunk, np.uint8), matrix


def _assemble(outputs: dict[str, F32]) -> F32:
    """(478, 3) pixels of the input: the mesh, its lips, eyes and irises refined."""
    points = np.zeros((478, 3), np.float32)
    points[:468] = outputs["output_mesh_identity"].reshape(468, 3)
    points[refinement.LIPS, :2] = outputs["output_lips"].reshape(-1, 2)
    for side, eye, iris in (
        ("left", refinement.LEFT_EYE, refinement.LEFT_IRIS),
        ("right", refinement.RIGHT_EYE, refinement.RIGHT_IRIS),
    ):
        points[eye, :2] = outputs[f"output_{side}_eye"].reshape(-1, 2)
        points[iris, :2] = outputs[f"output_{side}_iris"].reshape(-1, 2)
        points[iris, 2] = points[eye[: refinement.EYE_CONTOUR], 2].mean()
    return points
