"""A narrow network begins as a part of the wide one: the channels that BatchNorm scales most.

Convolutions that add to each other keep the same channels, and whoever reads them does, too.
After the scales of channels as in network slimming (arXiv 1708.06519).
"""

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor

from models.wav2lip.layout import FACE_CHANNELS, MEL_CHANNELS, Conv, Layout, Stage

Kept = Mapping[str, Tensor]  # channels by convolution, ascending


def inherited(state: Mapping[str, Tensor], wide: Layout, narrow: Layout) -> dict[str, Tensor]:
    """Of the wide network's state dict, the narrow one's."""
    outputs = {conv.name: conv.outputs for conv in narrow.convs()}
    kept: dict[str, Tensor] = {}
    for stage in (*wide.face, wide.audio, *wide.decoder, wide.output):
        for group in _groups(stage):
            scales = sum(_scales(state, conv) for conv in group)
            chosen = torch.as_tensor(scales).topk(outputs[group[0].name]).indices.sort().values
            kept |= dict.fromkeys((conv.name for conv in group), chosen)
    read = _read(wide, kept)
    parts = [_part(state, conv, kept[conv.name], read[conv.name]) for conv in wide.convs()]
    return {key: value.clone() for part in parts for key, value in part.items()}


def _groups(stage: Stage) -> Iterator[list[Conv]]:
    """A convolution and those behind it that add to what it made."""
    group: list[Conv] = []
    for conv in stage:
        if group and not conv.residual:
            yield group
            group = []
        group.append(conv)
    yield group


def _scales(state: Mapping[str, Tensor], conv: Conv) -> Tensor:
    """(outputs,); what has no BatchNorm keeps everything."""
    if conv.bare:
        return torch.ones(conv.outputs)
    return state[f"{conv.name}.conv_block.1.weight"].float().abs()


def _read(layout: Layout, kept: Kept) -> dict[str, Tensor]:
    """Of each convolution's inputs, those that are still there."""
    read: dict[str, Tensor] = {}

    def along(stage: Stage, inputs: Tensor) -> Tensor:
        for conv in stage:
            read[conv.name] = inputs
            inputs = kept[conv.name]
        return inputs

    inputs = torch.arange(FACE_CHANNELS)
    for stage in layout.face:
        inputs = along(stage, inputs)
    inputs = along(layout.audio, torch.arange(MEL_CHANNELS))
    for stage, face in zip(layout.decoder, reversed(layout.face), strict=True):
        own = along(stage, inputs)
        inputs = torch.cat([own, stage[-1].outputs + kept[face[-1].name]])
    along(layout.output, inputs)
    return read


def _part(
    state: Mapping[str, Tensor], conv: Conv, outputs: Tensor, inputs: Tensor
) -> dict[str, Tensor]:
    part: dict[str, Tensor] = {}
    for key, shape in conv.shapes().items():
        value = state[key]
        if len(shape) == 4:
            first, second = (inputs, outputs) if conv.transposed else (outputs, inputs)
            value = value[first][:, second]
        elif shape:
            value = value[outputs]
        part[key] = value
    return part
