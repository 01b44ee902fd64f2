"""The viseme net: what the mouth does, from sound alone, whoever speaks whatever language."""

from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from models.arrays import F32
from models.errors import MissingModels
from models.speech.features import BANDS, normalised
from models.speech.visemes import VISEMES

WEIGHTS = Path(__file__).with_name("viseme_net.safetensors")
CHANNELS = 112
DILATIONS = (1, 1, 2, 4, 1)
_WINDOW_ROWS = 3_000
_MARGIN_ROWS = 32  # more than the net sees to either side


class ResidualBlock(nn.Module):
    def __init__(self, channels: int, dilation: int) -> None:
        super().__init__()
        self.wide = nn.Conv1d(channels, channels, 5, padding=2 * dilation, dilation=dilation)
        self.norm = nn.BatchNorm1d(channels)
        self.mix = nn.Conv1d(channels, channels, 1)
        self.dropout = nn.Dropout1d(0.1)

    def forward(self, x: Tensor) -> Tensor:  # (B, C, T)
        mixed = self.mix(nn.functional.gelu(self.norm(self.wide(x))))
        dropped: Tensor = self.dropout(mixed)
        return x + dropped


class VisemeNet(nn.Module):
    """Normalised log-mel (B, 40, T) to viseme logits (B, 15, T); sees 0.2 s to either side."""

    def __init__(self, channels: int = CHANNELS) -> None:
        super().__init__()
        self.stem = nn.Conv1d(BANDS, channels, 5, padding=2)
        self.blocks = nn.Sequential(*(ResidualBlock(channels, dilation) for dilation in DILATIONS))
        self.head = nn.Conv1d(channels, len(VISEMES), 1)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.head(nn.functional.gelu(self.blocks(self.stem(x))))
        return logits


@cache
def viseme_net(weights: Path = WEIGHTS) -> VisemeNet:
    """Raises MissingModels."""
    if not weights.is_file():
        raise MissingModels(f"{weights.name} is missing: run `python -m models.speech.train`")
    net = VisemeNet()
    state = {name: tensor.float() for name, tensor in load_file(weights).items()}
    net.load_state_dict(state, strict=False)  # BatchNorm counts its batches; we don't ship that
    return net.eval()


def acoustic_posteriors(log_mel: F32, net: Callable[[Tensor], Tensor] | None = None) -> F32:
    """(T, 15) from (T, 40) log-mel, window by window; the windows leave no seam."""
    net = net or viseme_net()
    features = normalised(log_mel)
    rows = np.empty((len(features), len(VISEMES)), np.float32)
    for start in range(0, len(features), _WINDOW_ROWS):
        stop = min(start + _WINDOW_ROWS, len(features))
        left, right = max(start - _MARGIN_ROWS, 0), min(stop + _MARGIN_ROWS, len(features))
        with torch.inference_mode():
            window = torch.from_numpy(features[left:right].T.copy())[None]
            probabilities = net(window)[0].softmax(dim=0).T.numpy()
        rows[start:stop] = probabilities[start - left : stop - left]
    return rows
