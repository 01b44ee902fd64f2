"""The three operators that only the face mesh with attention has.

They cut a square around the lips or an eye out of a feature map, upright, and put the landmarks
found there back into the whole picture. Sources: the operators of the same names in MediaPipe
(util/tflite/operations: landmarks_to_transform_matrix, transform_tensor_bilinear,
transform_landmarks), version 2 of each.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from models.portrait.operators import Builder, Function
from models.portrait.tflite import Graph, Operator


def landmarks_to_transform_matrix(operator: Operator, graph: Graph) -> Function:
    """(1, 468, 3) landmarks -> (1, 4, 4) from pixels of the square to those of the landmarks."""
    options = operator.options
    left, right = options["left_rotation_idx"], options["right_rotation_idx"]
    subset = torch.tensor(options["subset_idxs"]).flatten()
    scale = torch.tensor([options["scale_x"], options["scale_y"]])
    size = torch.tensor([float(options["output_width"]), float(options["output_height"])])
    target = options["target_rotation_radians"]

    def run(landmarks: Tensor) -> Tensor:
        points = landmarks[0, :, :2]
        across = points[right] - points[left]
        upright = rotation(target - torch.atan2(across[1], across[0]))
        rotated = points[subset] @ upright.T
        low, high = rotated.amin(0), rotated.amax(0)
        linear = upright.T * (scale * (high - low) / size)
        matrix = torch.eye(4)
        matrix[:2, :2] = linear
        matrix[:2, 3] = upright.T @ ((low + high) / 2) - linear @ (size / 2)
        return matrix[None]

    return run


def rotation(angle: Tensor) -> Tensor:
    cos, sin = torch.cos(angle), torch.sin(angle)
    return torch.stack([torch.stack([cos, -sin]), torch.stack([sin, cos])])


def transform_tensor_bilinear(operator: Operator, graph: Graph) -> Function:
    """Sample (1, C, H, W) features at a matrix's places; pixel centres, zero outside."""
    _, height, width, _ = graph.shapes[operator.outputs[0]]
    y, x = torch.meshgrid(torch.arange(height) + 0.5, torch.arange(width) + 0.5, indexing="ij")
    grid = torch.stack([x, y, torch.ones_like(x)], -1).reshape(-1, 3)

    def run(features: Tensor, matrix: Tensor) -> Tensor:
        size = torch.tensor([features.shape[3], features.shape[2]])
        places = grid @ matrix[0, :2][:, [0, 1, 3]].T  # (H * W, 2) pixels, centres at .5
        inside = ((places >= 0.5) & (places <= size - 0.5)).all(-1)
        relative = (places / size * 2 - 1).reshape(1, height, width, 2)
        sampled = F.grid_sample(features, relative, align_corners=False)
        return sampled * inside.reshape(1, 1, height, width)

    return run


def transform_landmarks(operator: Operator, graph: Graph) -> Function:
    """(1, N, 2) pixels of the square -> those of the picture."""

    def run(landmarks: Tensor, matrix: Tensor) -> Tensor:
        return landmarks @ matrix[0, :2, :2].T + matrix[0, :2, 3]

    return run


BUILDERS: dict[str, Builder] = {
    "Landmarks2TransformMatrix": landmarks_to_transform_matrix,
    "TransformTensorBilinear": transform_tensor_bilinear,
    "TransformLandmarks": transform_landmarks,
}
