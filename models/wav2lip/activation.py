"""What stands behind every convolution."""

import torch
from torch import Tensor
from torch.nn import functional

from models.wav2lip.layout import LEAK, RELU, Activation


def activate_(x: Tensor, activation: Activation) -> Tensor:
    """In place."""
    if activation == RELU:
        return torch.relu_(x)
    return functional.leaky_relu_(x, LEAK)
