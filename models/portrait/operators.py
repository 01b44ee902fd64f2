"""TensorFlow Lite operators in torch.

Four-dimensional activations are (N, C, H, W) here and channels-last in the file, so whatever
depends on the order of memory (RESHAPE, CONCATENATION, ...) goes through channels-last. A builder
gets the operator and the graph and returns the function to run, its constants already in place.
"""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from models.portrait.tflite import Constant, Graph, Operator

Function = Callable[..., Tensor]  # of the operator's inputs that are no constants
Builder = Callable[[Operator, Graph], Function]

SAME = 0
ACTIVATIONS: dict[int, Callable[[Tensor], Tensor]] = {0: lambda x: x, 1: F.relu, 3: F.relu6}


def channels_first(x: Tensor) -> Tensor:
    return x.permute(0, 3, 1, 2) if x.ndim == 4 else x


def channels_last(x: Tensor) -> Tensor:
    return x.permute(0, 2, 3, 1) if x.ndim == 4 else x


def tensor(constant: Constant) -> Tensor:
    return torch.tensor(constant)  # a copy: the file's memory is read-only


def same_padding(size: int, window: int, stride: int) -> tuple[int, int]:
    """Zeros before and after; the odd one goes to the end."""
    total = max((-(-size // stride) - 1) * stride + window - size, 0)
    return total // 2, total - total // 2


def _padding(operator: Operator, graph: Graph, window: tuple[int, int]) -> tuple[int, ...]:
    """(left, right, top, bottom) for torch's pad."""
    if operator.options["padding"] != SAME:
        return (0, 0, 0, 0)
    _, height, width, _ = graph.shapes[operator.inputs[0]]
    return (
        *same_padding(width, window[1], operator.options["stride_w"]),
        *same_padding(height, window[0], operator.options["stride_h"]),
    )


def _stride(operator: Operator) -> tuple[int, int]:
    return operator.options["stride_h"], operator.options["stride_w"]


def _convolve(operator: Operator, graph: Graph, weight: Tensor, groups: int) -> Function:
    bias = tensor(graph.constants[operator.inputs[2]])
    weight = weight.contiguous(memory_format=torch.channels_last)
    left, right, top, bottom = _padding(operator, graph, (weight.shape[2], weight.shape[3]))
    activation = ACTIVATIONS[operator.options["activation"]]
    stride = _stride(operator)
    if (left, top) == (right, bottom):
        return lambda x: activation(F.conv2d(x, weight, bias, stride, (top, left), groups=groups))
    padding = (left, right, top, bottom)
    return lambda x: activation(F.conv2d(F.pad(x, padding), weight, bias, stride, groups=groups))


def conv(operator: Operator, graph: Graph) -> Function:
    weight = tensor(graph.constants[operator.inputs[1]]).permute(0, 3, 1, 2)  # (O, H, W, I)
    return _convolve(operator, graph, weight, groups=1)


def depthwise_conv(operator: Operator, graph: Graph) -> Function:
    weight = tensor(graph.constants[operator.inputs[1]]).permute(3, 0, 1, 2)  # (1, H, W, C)
    return _convolve(operator, graph, weight, groups=weight.shape[0])


def transpose_conv(operator: Operator, graph: Graph) -> Function:
    weight = tensor(graph.constants[operator.inputs[1]]).permute(3, 0, 1, 2)  # (O, H, W, I)
    bias = tensor(graph.constants[operator.inputs[2]])
    stride = _stride(operator)
    return lambda x: F.conv_transpose2d(x, weight, bias, stride)


def max_pool(operator: Operator, graph: Graph) -> Function:
    window = (operator.options["height"], operator.options["width"])
    padding = _padding(operator, graph, window)
    stride = _stride(operator)
    if not any(padding):
        return lambda x: F.max_pool2d(x, window, stride)
    return lambda x: F.max_pool2d(F.pad(x, padding, value=-torch.inf), window, stride)


def average_pool(operator: Operator, graph: Graph) -> Function:
    window = (operator.options["height"], operator.options["width"])
    stride = _stride(operator)
    return lambda x: F.avg_pool2d(x, window, stride)


def _arithmetic(function: Callable[[Tensor, Tensor], Tensor]) -> Builder:
    def build(operator: Operator, graph: Graph) -> Function:
        activation = ACTIVATIONS[operator.options.get("activation", 0)]
        constants = [graph.constants[i] for i in operator.inputs if i in graph.constants]
        if not constants:
            return lambda a, b: activation(function(a, b))
        constant = channels_first(tensor(constants[0]))
        return lambda x: activation(function(x, constant))  # both operations commute

    return build


def prelu(operator: Operator, graph: Graph) -> Function:
    slope = tensor(graph.constants[operator.inputs[1]]).flatten()  # one a channel
    return lambda x: F.prelu(x, slope)


def _elementwise(function: Callable[[Tensor], Tensor]) -> Builder:
    return lambda operator, graph: function


def pad(operator: Operator, graph: Graph) -> Function:
    _, rows, columns, channels = graph.constants[operator.inputs[1]].tolist()
    padding = (*columns, *rows, *channels)
    return lambda x: F.pad(x, padding)


def reshape(operator: Operator, graph: Graph) -> Function:
    shape = graph.shapes[operator.outputs[0]]
    return lambda x: channels_first(channels_last(x).reshape(shape))


def concatenate(operator: Operator, graph: Graph) -> Function:
    axis = operator.options["axis"]
    return lambda *xs: channels_first(torch.cat([channels_last(x) for x in xs], axis))


def resize_bilinear(operator: Operator, graph: Graph) -> Function:
    _, height, width, _ = graph.shapes[operator.outputs[0]]
    return lambda x: F.interpolate(x, (height, width), mode="bilinear", align_corners=False)


def depth_to_space(operator: Operator, graph: Graph) -> Function:
    block = operator.options["block"]
    _, height, width, channels = graph.shapes[operator.outputs[0]]
    inner = (1, height // block, width // block, block, block, channels)

    def run(x: Tensor) -> Tensor:
        cells = channels_last(x).reshape(inner).transpose(2, 3)
        return channels_first(cells.reshape(1, height, width, channels))

    return run


def strided_slice(operator: Operator, graph: Graph) -> Function:
    begin, end, step = (graph.constants[index].tolist() for index in operator.inputs[1:])
    window = tuple(slice(*bounds) for bounds in zip(begin, end, step, strict=True))
    return lambda x: channels_first(channels_last(x)[window])


BUILDERS: dict[str, Builder] = {
    "ADD": _arithmetic(torch.add),
    "AVERAGE_POOL_2D": average_pool,
    "CONCATENATION": concatenate,
    "CONV_2D": conv,
    "Convolution2DTransposeBias": transpose_conv,
    "DEPTHWISE_CONV_2D": depthwise_conv,
    "DEPTH_TO_SPACE": depth_to_space,
    "HARD_SWISH": _elementwise(F.hardswish),
    "LOGISTIC": _elementwise(torch.sigmoid),
    "MAX_POOL_2D": max_pool,
    "MUL": _arithmetic(torch.mul),
    "PAD": pad,
    "PRELU": prelu,
    "RELU": _elementwise(F.relu),
    "RESHAPE": reshape,
    "RESIZE_BILINEAR": resize_bilinear,
    "STRIDED_SLICE": strided_slice,
}
