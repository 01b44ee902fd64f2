import numpy as np
import pytest
import torch
from torch import Tensor

from models.portrait import attention
from models.portrait.tflite import Graph, Operator

GRAPH = Graph((), {}, {1: (1, 4, 4, 1)}, (), {})


def matrix_of(landmarks: Tensor) -> Tensor:
    options = {
        "left_rotation_idx": 0,
        "right_rotation_idx": 1,
        "subset_idxs": [[0, 1], [2, 3]],
        "scale_x": 1.5,
        "scale_y": 1.5,
        "output_width": 16,
        "output_height": 16,
        "target_rotation_radians": 0.0,
    }
    operator = Operator("Landmarks2TransformMatrix", (0,), (1,), options)
    return attention.landmarks_to_transform_matrix(operator, GRAPH)(landmarks)


def box(angle: float) -> Tensor:
    """(1, 4, 3) middles of the sides of a 20 x 10 box around (50, 40), turned by `angle`."""
    corners = torch.tensor([[-10.0, 0.0], [10.0, 0.0], [0.0, -5.0], [0.0, 5.0]])
    turn = attention.rotation(torch.tensor(angle))
    points = corners @ turn.T + torch.tensor([50.0, 40.0])
    return torch.cat([points, torch.zeros(4, 1)], dim=1)[None]


@pytest.mark.parametrize("angle", [0.0, 0.4, -1.2, 3.0])
def test_the_square_covers_the_box_with_its_margin_along_its_own_axes(angle: float) -> None:
    matrix = matrix_of(box(angle))[0]
    across = matrix[:2, 0] * 16
    assert across.norm().item() == pytest.approx(20 * 1.5, abs=1e-4)
    assert torch.atan2(across[1], across[0]).item() == pytest.approx(angle, abs=1e-5)
    middle = matrix[:2, :2] @ torch.tensor([8.0, 8.0]) + matrix[:2, 3]
    np.testing.assert_allclose(middle, [50, 40], atol=1e-4)


def test_landmarks_go_through_the_matrix() -> None:
    operator = Operator("TransformLandmarks", (0, 1), (2,), {})
    matrix = matrix_of(box(0.0))
    point = attention.transform_landmarks(operator, GRAPH)(torch.tensor([[[8.0, 8.0]]]), matrix)
    np.testing.assert_allclose(point, [[[50, 40]]], atol=1e-4)


def sampled(features: Tensor, matrix: Tensor) -> Tensor:
    operator = Operator("TransformTensorBilinear", (0, 2), (1,), {})
    return attention.transform_tensor_bilinear(operator, GRAPH)(features, matrix)


def test_sampling_by_the_identity_copies() -> None:
    features = torch.arange(16.0).reshape(1, 1, 4, 4)
    np.testing.assert_allclose(sampled(features, torch.eye(4)[None]), features, atol=1e-5)


def test_sampling_between_pixels_is_bilinear_and_zero_outside() -> None:
    matrix = torch.eye(4)[None].clone()
    matrix[0, 0, 3] = 0.5
    columns = torch.arange(4.0).expand(1, 1, 4, 4)
    row = sampled(columns, matrix)[0, 0, 0]
    np.testing.assert_allclose(row, [0.5, 1.5, 2.5, 0], atol=1e-5)
