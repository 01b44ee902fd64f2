"""The real files: what they hold, and that sparse weights come out dense."""

from pathlib import Path

import numpy as np
import pytest
import torch

from models.portrait.interpreter import BUILDERS, load_network
from models.portrait.tflite import read_graph

OUTPUTS = {
    "face_detection_full_range_sparse": {"Identity": (1, 2304, 16), "Identity_1": (1, 2304, 1)},
    "face_detection_short_range": {"regressors": (1, 896, 16), "classificators": (1, 896, 1)},
    "face_landmark_with_attention": {
        "output_mesh_identity": (1, 1, 1, 1404),
        "output_lips": (1, 1, 1, 160),
        "output_left_eye": (1, 1, 1, 142),
        "output_right_eye": (1, 1, 1, 142),
        "output_left_iris": (1, 1, 1, 10),
        "output_right_iris": (1, 1, 1, 10),
        "conv_faceflag": (1, 1, 1, 1),
    },
    "selfie_segmentation": {"activation_10": (1, 256, 256, 1)},
}


@pytest.mark.parametrize("name", OUTPUTS)
def test_every_model_reads_and_runs(face_models: Path, name: str) -> None:
    path = face_models / f"{name}.tflite"
    graph = read_graph(path)
    assert {operator.kind for operator in graph.operators} <= BUILDERS.keys()
    outputs = load_network(path)(torch.full(graph.shapes[graph.inputs[0]], 0.5))
    assert {output: tuple(value.shape) for output, value in outputs.items()} == OUTPUTS[name]
    assert all(bool(value.isfinite().all()) for value in outputs.values())


def test_sparse_weights_are_dense_and_mostly_zero(face_models: Path) -> None:
    graph = read_graph(face_models / "face_detection_full_range_sparse.tflite")
    weights = [
        graph.constants[operator.inputs[1]]
        for operator in graph.operators
        if operator.kind == "CONV_2D"
    ]
    zeros = [float(np.mean(weight == 0)) for weight in weights]
    assert len(weights) == 49
    assert sum(share > 0.5 for share in zeros) >= 40
    assert all(weight.dtype == np.float32 and weight.any() for weight in weights)


def test_a_network_is_loaded_once(face_models: Path) -> None:
    path = face_models / "face_detection_short_range.tflite"
    assert load_network(path) is load_network(path)
