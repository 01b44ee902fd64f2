"""3x3 convolutions with a quarter of the multiplications, for processors without 16-bit ones.

Winograd's F(4x4, 3x3): Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", 2015,
section 4. Tiles of 6x6 overlap by two, become 36 products of matrices, and give 4x4 each. In FP32
it is within 1e-4 of the plain sum.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

TILE, MADE = 6, 4
LEAST_CHANNELS = 128  # with fewer, moving the tiles takes longer than it saves
MOST_CHANNELS = 384  # with more, weights of 36 values for 9 take more memory than they are worth
HELD_BYTES = 16 << 20  # tiles at once: more leave the cache

_TO_TILES = (
    (4, 0, -5, 0, 1, 0),
    (0, -4, -4, 1, 1, 0),
    (0, 4, -4, -1, 1, 0),
    (0, -2, -1, 2, 1, 0),
    (0, 2, -1, -2, 1, 0),
    (0, 4, 0, -5, 0, 1),
)
_OF_WEIGHTS = (
    (1 / 4, 0, 0),
    (-1 / 6, -1 / 6, -1 / 6),
    (-1 / 6, 1 / 6, -1 / 6),
    (1 / 24, 1 / 12, 1 / 6),
    (1 / 24, -1 / 12, 1 / 6),
    (0, 0, 1),
)
_FROM_TILES = ((1, 1, 1, 1, 1, 0), (0, 1, -1, 2, -2, 0), (0, 1, 1, 4, 4, 0), (0, 1, -1, 8, -8, 1))


class WinogradConv(nn.Module):
    """In place of a convolution that `suits`."""

    weights: Tensor  # (36, C, O)
    entering: Tensor  # (36, 36)
    leaving: Tensor  # (16, 36)
    bias: Tensor | None

    def __init__(self, conv: nn.Conv2d) -> None:
        super().__init__()
        device = conv.weight.device
        made = torch.tensor(_OF_WEIGHTS, dtype=torch.float64, device=device)
        weights = torch.einsum("ai,bj,ocij->abco", made, made, conv.weight.double())
        self.register_buffer("weights", weights.flatten(0, 1).float().contiguous())
        self.register_buffer("bias", None if conv.bias is None else conv.bias.detach().clone())
        self.register_buffer("entering", _both_ways(_TO_TILES).to(device))
        self.register_buffer("leaving", _both_ways(_FROM_TILES).to(device))

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to (B, O, H, W), channels last."""
        down, across = (-(-each // MADE) for each in x.shape[2:])
        frames = max(1, HELD_BYTES // (4 * TILE * TILE * down * across * x.shape[1]))
        parts = [self._part(part, down, across) for part in torch.split(x, frames)]
        return parts[0] if len(parts) == 1 else torch.cat(parts)

    def _part(self, x: Tensor, down: int, across: int) -> Tensor:
        count, channels, height, width = x.shape
        edges = (1, MADE * across + 1 - width, 1, MADE * down + 1 - height)
        padded = functional.pad(x.permute(0, 2, 3, 1), (0, 0, *edges))  # (B, 4h + 2, 4w + 2, C)
        frame, row, column, channel = padded.stride()
        tiles = padded.as_strided(
            (TILE, TILE, count, down, across, channels),
            (row, column, frame, MADE * row, MADE * column, channel),
        ).reshape(TILE * TILE, -1)
        products = torch.bmm((self.entering @ tiles).view(TILE * TILE, -1, channels), self.weights)
        made = (self.leaving @ products.flatten(1)).view(MADE, MADE, count, down, across, -1)
        whole = made.permute(2, 3, 0, 4, 1, 5).reshape(count, MADE * down, MADE * across, -1)
        drawn = whole[:, :height, :width].permute(0, 3, 1, 2)
        return drawn if self.bias is None else drawn + self.bias.view(-1, 1, 1)


def suits(conv: nn.Module) -> bool:
    return (
        isinstance(conv, nn.Conv2d)
        and (conv.kernel_size, conv.stride, conv.padding) == ((3, 3), (1, 1), (1, 1))
        and conv.groups == 1
        and min(conv.in_channels, conv.out_channels) >= LEAST_CHANNELS
        and max(conv.in_channels, conv.out_channels) <= MOST_CHANNELS
    )


def quickened(module: nn.Module) -> nn.Module:
    """The module, with every convolution that suits replaced."""
    for name, child in module.named_children():
        if isinstance(child, nn.Conv2d) and suits(child):
            setattr(module, name, WinogradConv(child))
        else:
            quickened(child)
    return module


def _both_ways(rows: tuple[tuple[float, ...], ...]) -> Tensor:
    """What rows and columns of a tile go through, as one matrix for its flattened values."""
    once = torch.tensor(rows, dtype=torch.float64)
    return torch.kron(once, once).float()
