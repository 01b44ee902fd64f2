"""Operators against plain loops or hand-made numbers; arrays are channels last, as in the file."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from models.portrait.interpreter import Network
from models.portrait.operators import same_padding
from models.portrait.tflite import Graph, Operator

Array = NDArray[Any]
RANDOM = np.random.default_rng(0)
SAME, VALID = 0, 1
RELU = 1


def run(
    kind: str,
    x: Array,
    shape: tuple[int, ...],
    constants: tuple[Array, ...] = (),
    options: Mapping[str, Any] | None = None,
) -> Array:
    """One operator as a whole graph: tensor 0 is x, then the constants, then the output."""
    out = len(constants) + 1
    graph = Graph(
        operators=(Operator(kind, tuple(range(out)), (out,), options or {}),),
        constants=dict(enumerate(constants, start=1)),
        shapes={0: x.shape, out: shape},
        inputs=(0,),
        outputs={"y": out},
    )
    result: Array = Network(graph)(torch.from_numpy(x.astype(np.float32)))["y"].numpy()
    return result


def random(*shape: int) -> Array:
    return RANDOM.normal(size=shape).astype(np.float32)


def convolved(x: Array, weight: Array, bias: Array, stride: int, pad: tuple[int, int]) -> Array:
    """(1, H, W, I) with (O, h, w, I), `pad` zeros before and after."""
    x = np.pad(x, ((0, 0), pad, pad, (0, 0)))
    _, high, wide, _ = weight.shape
    rows = range(0, x.shape[1] - high + 1, stride)
    columns = range(0, x.shape[2] - wide + 1, stride)
    windows = [[x[0, r : r + high, c : c + wide] for c in columns] for r in rows]
    result: Array = np.einsum("rchwi,ohwi->rco", np.array(windows), weight)[None] + bias
    return result


def window(stride: int, padding: int, activation: int = 0) -> dict[str, int]:
    options = {"stride_w": stride, "stride_h": stride, "padding": padding}
    return {**options, "activation": activation}


@pytest.mark.parametrize(
    ("size", "width", "stride", "expected"),
    [(6, 3, 2, (0, 1)), (5, 3, 2, (1, 1)), (6, 3, 1, (1, 1)), (8, 5, 2, (1, 2)), (4, 1, 2, (0, 0))],
)
def test_same_padding_puts_the_odd_zero_last(
    size: int, width: int, stride: int, expected: tuple[int, int]
) -> None:
    assert same_padding(size, width, stride) == expected


@pytest.mark.parametrize(("stride", "pad"), [(1, (1, 1)), (2, (0, 1))])
def test_conv_with_same_padding(stride: int, pad: tuple[int, int]) -> None:
    x, weight, bias = random(1, 6, 6, 3), random(4, 3, 3, 3), random(4)
    expected = convolved(x, weight, bias, stride, pad)
    y = run("CONV_2D", x, expected.shape, (weight, bias), window(stride, SAME))
    np.testing.assert_allclose(y, expected, atol=1e-5)


def test_conv_with_a_fused_activation() -> None:
    x, weight, bias = random(1, 5, 5, 2), random(3, 2, 2, 2), random(3)
    expected = np.maximum(convolved(x, weight, bias, 1, (0, 0)), 0)
    y = run("CONV_2D", x, expected.shape, (weight, bias), window(1, VALID, RELU))
    np.testing.assert_allclose(y, expected, atol=1e-5)


def test_depthwise_conv_keeps_channels_apart() -> None:
    x, weight, bias = random(1, 6, 6, 2), random(1, 3, 3, 2), np.zeros(2, np.float32)
    y = run("DEPTHWISE_CONV_2D", x, (1, 3, 3, 2), (weight, bias), window(2, SAME))
    for channel in (0, 1):
        one = [channel]
        expected = convolved(x[..., one], weight[..., one], bias[one], 2, (0, 1))
        np.testing.assert_allclose(y[..., one], expected, atol=1e-5)


def test_transpose_conv_spreads_each_pixel_over_a_block() -> None:
    x, weight, bias = random(1, 2, 3, 4), random(1, 2, 2, 4), np.array([0.5], np.float32)
    y = run("Convolution2DTransposeBias", x, (1, 4, 6, 1), (weight, bias), window(2, VALID))
    expected = np.einsum("rci,hwi->rhcw", x[0], weight[0]).reshape(1, 4, 6, 1) + 0.5
    np.testing.assert_allclose(y, expected, atol=1e-5)


def test_pooling_takes_maximum_and_mean() -> None:
    x = np.arange(16, dtype=np.float32).reshape(1, 4, 4, 1)
    options = {**window(2, VALID), "width": 2, "height": 2}
    assert run("MAX_POOL_2D", x, (1, 2, 2, 1), (), options).ravel().tolist() == [5, 7, 13, 15]
    mean = run("AVERAGE_POOL_2D", x, (1, 2, 2, 1), (), options)
    assert mean.ravel().tolist() == [2.5, 4.5, 10.5, 12.5]


def test_same_max_pooling_does_not_let_the_border_win() -> None:
    x = -np.ones((1, 3, 3, 1), np.float32)
    options = {**window(2, SAME), "width": 2, "height": 2}
    assert run("MAX_POOL_2D", x, (1, 2, 2, 1), (), options).ravel().tolist() == [-1] * 4


def test_prelu_has_a_slope_for_each_channel() -> None:
    x = -np.ones((1, 1, 1, 2), np.float32)
    slope = np.array([[[0.25, 2]]], np.float32)
    assert run("PRELU", x, x.shape, (slope,)).ravel().tolist() == [-0.25, -2]


@pytest.mark.parametrize(("kind", "expected"), [("ADD", [11, 22]), ("MUL", [10, 40])])
def test_arithmetic_with_a_constant_of_four_dimensions(kind: str, expected: list[float]) -> None:
    x = np.array([1, 2], np.float32).reshape(1, 1, 1, 2)
    constant = np.array([10, 20], np.float32).reshape(1, 1, 1, 2)
    assert run(kind, x, x.shape, (constant,), {"activation": 0}).ravel().tolist() == expected


@pytest.mark.parametrize(
    ("kind", "x", "expected"),
    [
        ("RELU", [-1, 2], [0, 2]),
        ("LOGISTIC", [0, 100], [0.5, 1]),
        ("HARD_SWISH", [-3, 0, 3], [0, 0, 3]),
    ],
)
def test_elementwise_functions(kind: str, x: list[float], expected: list[float]) -> None:
    values = np.array(x, np.float32).reshape(1, 1, 1, -1)
    assert run(kind, values, values.shape).ravel().tolist() == pytest.approx(expected)


def test_pad_also_adds_channels() -> None:
    x = np.ones((1, 2, 2, 1), np.float32)
    padding = np.array([[0, 0], [1, 0], [0, 2], [0, 1]], np.int32)
    y = run("PAD", x, (1, 3, 4, 2), (padding,))
    assert y.shape == (1, 3, 4, 2)
    assert y[0, 1:, :2, 0].sum() == y.sum() == 4


def test_reshape_follows_the_order_of_channels_last() -> None:
    x = random(1, 2, 3, 4)
    y = run("RESHAPE", x, (1, 6, 4), (np.array([1, 6, 4], np.int32),))
    np.testing.assert_array_equal(y, x.reshape(1, 6, 4))


def test_depth_to_space_fills_blocks_row_by_row() -> None:
    x = np.arange(8, dtype=np.float32).reshape(1, 1, 2, 4)
    y = run("DEPTH_TO_SPACE", x, (1, 2, 4, 1), (), {"block": 2})
    assert y[0, :, :, 0].tolist() == [[0, 1, 4, 5], [2, 3, 6, 7]]


def test_strided_slice() -> None:
    x = random(1, 1, 1, 10)
    bounds = tuple(np.array([0, 0, 0, v], np.int32) for v in (2, 8))
    begin, end = bounds[0], bounds[1] + np.array([1, 1, 1, 0], np.int32)
    y = run("STRIDED_SLICE", x, (1, 1, 1, 3), (begin, end, np.array([1, 1, 1, 2], np.int32)))
    np.testing.assert_array_equal(y, x[..., 2:8:2])


def test_resize_bilinear_aligns_pixel_centres() -> None:
    x = np.array([0, 4], np.float32).reshape(1, 1, 2, 1)
    y = run("RESIZE_BILINEAR", x, (1, 1, 4, 1), (np.array([1, 4], np.int32),))
    assert y.ravel().tolist() == [0, 1, 3, 4]


def test_values_nobody_needs_any_more_are_kept_while_they_are_outputs() -> None:
    relu = Operator("RELU", (0,), (1,), {})
    twice = Operator("ADD", (1, 1), (2,), {"activation": 0})
    graph = Graph((relu, twice), {}, {}, (0,), {"relu": 1, "twice": 2})
    outputs = Network(graph)(torch.tensor([[-1.0, 3.0]]))
    assert outputs["relu"].tolist() == [[0, 3]]
    assert outputs["twice"].tolist() == [[0, 6]]
