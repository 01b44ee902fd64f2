"""Writes the lip decoder as an ONNX graph.

Transposed convolutions become plain ones: runtimes have INT8 kernels for those alone. One of
stride 2 is a 2x2 convolution to four times the channels, whose pixels then take their places.
"""

import numpy as np
import torch
from torch import Tensor, nn

from models.arrays import F32
from models.engines.graph import Graph, Int8
from models.errors import EngineUnusable
from models.motion.tracks import MEL_BANDS, WINDOW_ROWS
from models.wav2lip.layout import LEAK, LEAKY
from models.wav2lip.network import LipDecoder, Maps, Step

OUTPUT = "drawn"
AUDIO, LAST = "audio", "last"  # scopes; the stages in between are stage0, stage1...
Convolution = nn.Conv2d | nn.ConvTranspose2d
TAPS = {(0, 0): 1, (1, 0): 2, (1, 1): 0}  # phase of the result, tap of the 2x2: tap of the 3x3


def write(decoder: LipDecoder, maps: Maps, int8: Int8 | None = None) -> Graph:
    """For maps of these shapes and any number of mel windows. Ends in OUTPUT, (B, 3, h, S)."""
    graph = Graph(int8, leak=LEAK if decoder.activation == LEAKY else 0.0)
    x = graph.input("mel", ("batch", 1, MEL_BANDS, WINDOW_ROWS))
    faces = [graph.input(f"map{index}", tuple(each.shape)) for index, each in enumerate(maps)]
    for step in (*_steps(decoder.audio), *_steps(decoder.first)):
        x = _step(graph, x, step, AUDIO)
    scopes = [*scopes_of(decoder)[1:-1], LAST]
    for index, (join, cut, scope) in enumerate(
        zip(_convs(decoder.joins), decoder.cuts, scopes, strict=True)
    ):
        joined = _joining(graph, graph.rows_from(x, cut), join, scope)
        x = graph.relu(graph.add(joined, faces[index], scope))
        for step in _steps(decoder.rest[index]) if scope != LAST else ():
            x = _step(graph, x, step, scope)
    x = graph.rows_from(x, decoder.extra)
    graph.sigmoid(_plain(graph, x, decoder.output, "colours"), OUTPUT)
    return graph


def scopes_of(decoder: LipDecoder) -> tuple[str, ...]:
    """In the order of the network; the last convolution, to three colours, is never INT8."""
    return (AUDIO, *(f"stage{index}" for index in range(len(decoder.rest))), LAST)


def _step(graph: Graph, x: str, step: Step, scope: str) -> str:
    made = _plain(graph, x, step.conv, scope)
    return graph.relu(graph.add(made, x, scope) if step.residual else made)


def _plain(graph: Graph, x: str, conv: Convolution, scope: str) -> str:
    bias = None if conv.bias is None else _values(conv.bias)
    pads = [int(each) for each in (*conv.padding, *conv.padding)]
    return graph.conv(x, _values(conv.weight), bias, scope, strides=conv.stride, pads=pads)


def _steps(part: nn.Module) -> list[Step]:
    return [step for step in part.children() if isinstance(step, Step)]


def _convs(part: nn.Module) -> list[Convolution]:
    return [conv for conv in part.children() if isinstance(conv, nn.Conv2d | nn.ConvTranspose2d)]


def _joining(graph: Graph, x: str, conv: Convolution, scope: str) -> str:
    if isinstance(conv, nn.Conv2d):
        return _plain(graph, x, conv, scope)
    if conv.stride == (1, 1) and conv.padding == (0, 0):
        weight = conv.weight.flip(2, 3).transpose(0, 1)
        border = conv.kernel_size[0] - 1
        return graph.conv(x, _values(weight), None, scope, pads=[border] * 4)
    if (conv.kernel_size, conv.stride, conv.padding) != ((3, 3), (2, 2), (1, 1)):
        raise EngineUnusable(f"{conv} cannot be written for ONNX: use the eager engine")
    made = graph.conv(x, _four_phases(conv.weight), None, scope, pads=[0, 0, 1, 1])
    whole = graph.pixel_shuffle(made)
    return whole if conv.output_padding == (1, 1) else graph.without_last(whole)


def _four_phases(weight: Tensor) -> F32:
    """(inputs, outputs, 3, 3) of stride 2 to (4 outputs, inputs, 2, 2)."""
    inputs, outputs = weight.shape[:2]
    phases = torch.zeros(outputs, 2, 2, inputs, 2, 2)
    for (row, above), y in TAPS.items():
        for (column, before), x in TAPS.items():
            phases[:, row, column, :, above, before] = weight[:, :, y, x].T
    return _values(phases.view(4 * outputs, inputs, 2, 2))


def _values(tensor: Tensor) -> F32:
    return np.ascontiguousarray(tensor.detach().float().cpu().numpy())
