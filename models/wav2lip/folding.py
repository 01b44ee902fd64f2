"""A checkpoint's state dict to convolutions without BatchNorm."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from models.errors import WeightsRefused
from models.wav2lip.layout import RELU, Activation, Conv, Layout, read_layout

PREFIX = "module."  # of weights that were trained on several GPUs
EPSILON = 1e-5  # BatchNorm2d's


@dataclass(frozen=True)
class Folded:
    """The layout, and (weight, bias) of each of its convolutions by name."""

    layout: Layout
    convs: Mapping[str, tuple[Tensor, Tensor]]
    activation: Activation = RELU


def fold(state: Mapping[str, Tensor], activation: Activation = RELU) -> Folded:
    """Raises WeightsRefused, naming the key that is missing, too many, misshaped or not finite."""
    named = unprefixed(state)
    layout = read_layout({key: tuple(value.shape) for key, value in named.items()})
    for key, value in named.items():
        if not torch.isfinite(value).all():
            raise WeightsRefused(f"{key} holds infinities or NaN: the checkpoint is damaged")
    convs = {conv.name: _folded(conv, named) for conv in layout.convs()}
    return Folded(layout, convs, activation)


def unprefixed(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {key.removeprefix(PREFIX): value for key, value in state.items()}


def _folded(conv: Conv, state: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
    if conv.bare:
        weight, bias = state[f"{conv.name}.weight"], state[f"{conv.name}.bias"]
        return weight.float().clone(), bias.float().clone()  # else the whole file stays mapped
    inner, norm = f"{conv.name}.conv_block.0", f"{conv.name}.conv_block.1"
    variance, mean = state[f"{norm}.running_var"].double(), state[f"{norm}.running_mean"].double()
    scale = state[f"{norm}.weight"].double() / (variance + EPSILON).sqrt()
    across = (1, -1, 1, 1) if conv.transposed else (-1, 1, 1, 1)
    weight = state[f"{inner}.weight"].double() * scale.view(across)
    bias = (state[f"{inner}.bias"].double() - mean) * scale + state[f"{norm}.bias"].double()
    return weight.float(), bias.float()
