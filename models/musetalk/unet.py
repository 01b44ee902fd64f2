"""MuseTalk's UNet as every frame runs it.

Its time is always 0 and stands in biases; the keys and values of all its attentions are one map.
"""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from models.musetalk.blocks import (
    Doubled,
    Norm,
    Residual,
    Transformer,
    conv_of,
    frozen,
    linear_of,
    tokens_of,
)
from models.musetalk.networks import Networks


def time_of(unet: Any) -> Tensor:  # noqa: ANN401
    """(1, D): the embedding of time 0, the only one there is."""
    embedded: Tensor = unet.time_embedding(unet.time_proj(torch.zeros(1)))
    return embedded


class Half(nn.Module):
    """Of the UNet's last block, whose input is two halves joined, the part that reads one half.

    The halves share no group of the norm, and a convolution of joined channels is the sum of two.
    """

    def __init__(self, whole: Residual, norm: Any, *, portrait: bool) -> None:  # noqa: ANN401
        """`portrait`: the half that is the portrait's, with biases; else the one before it."""
        super().__init__()
        half = norm.num_channels // 2
        at = slice(half, None) if portrait else slice(half)
        part = nn.GroupNorm(norm.num_groups // 2, half, norm.eps, device="meta")
        part.weight, part.bias = frozen(norm.weight[at].clone()), frozen(norm.bias[at].clone())
        self.norm = Norm(part)
        conv, shortcut = whole.conv1, whole.shortcut
        biases = (conv.bias, shortcut.bias) if portrait else (None, None)
        self.conv = conv_of(conv.weight[:, at], biases[0], padding=1)
        self.shortcut = conv_of(shortcut.weight[:, at], biases[1])

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """What it adds to the block's first convolution, and to its shortcut."""
        return self.conv(self.norm(x)), self.shortcut(x)


class Joining(nn.Module):
    """The whole block, given what the portrait's half adds."""

    def __init__(self, block: Any, time: Tensor) -> None:  # noqa: ANN401
        super().__init__()
        whole = Residual(block, time)
        self.own = Half(whole, block.norm1, portrait=False)
        self.norm2, self.conv2 = whole.norm2, whole.conv2

    def forward(self, x: Tensor, conv: Tensor, shortcut: Tensor) -> Tensor:
        made, kept = self.own(x)
        drawn: Tensor = self.conv2(self.norm2(made.add_(conv)))
        return drawn.add_(kept).add_(shortcut)


class Step(nn.Module):
    """A residual block, and the attention behind it where there is one."""

    def __init__(self, residual: Any, attention: Any, time: Tensor) -> None:  # noqa: ANN401
        super().__init__()
        self.residual = Residual(residual, time)
        self.attention = None if attention is None else Transformer(attention)

    def forward(self, x: Tensor, heard: Iterator[Tensor]) -> Tensor:
        made: Tensor = self.residual(x)
        return made if self.attention is None else self.attention(made, next(heard))


class Level(nn.Module):
    """Steps on pictures of one size, and what changes the size behind them."""

    def __init__(self, block: Any, time: Tensor, which: slice = slice(None)) -> None:  # noqa: ANN401
        super().__init__()
        attentions = getattr(block, "attentions", None) or [None] * len(block.resnets)
        pairs = list(zip(block.resnets, attentions, strict=True))[which]
        self.steps = nn.ModuleList(Step(*pair, time) for pair in pairs)
        self.resized = resizer(block)


class Descent(Level):
    def forward(self, x: Tensor, heard: Iterator[Tensor], skipped: list[Tensor]) -> Tensor:
        for step in self.steps:
            x = step(x, heard)
            skipped.append(x)
        if self.resized is not None:
            x = self.resized(x)
            skipped.append(x)
        return x


class Ascent(Level):
    def forward(self, x: Tensor, heard: Iterator[Tensor], skipped: list[Tensor]) -> Tensor:
        for step in self.steps:
            x = step(torch.cat([x, skipped.pop()], dim=1), heard)
        return x if self.resized is None else self.resized(x)


def resizer(block: Any) -> nn.Module | None:  # noqa: ANN401
    grows, shrinks = (getattr(block, name, None) for name in ("upsamplers", "downsamplers"))
    if grows:
        return Doubled(grows[0])
    return shrinks[0].conv if shrinks else None


class MouthUNet(nn.Module):
    """What is heard (B, T, D), and a portrait's maps, to latents (B, 4, 32, 32)."""

    def __init__(self, built: Networks) -> None:
        super().__init__()
        unet, time = built.unet, time_of(built.unet)
        self.ears, self.widths = _ears(unet)
        self.first = Transformer(unet.down_blocks[0].attentions[0])
        earliest, *below = unet.down_blocks
        self.down = nn.ModuleList([Descent(earliest, time, slice(1, None))])
        self.down.extend(Descent(block, time) for block in below)
        middle = unet.mid_block
        self.middle = Step(middle.resnets[0], middle.attentions[0], time)
        self.after = Residual(middle.resnets[1], time)
        *above, latest = unet.up_blocks
        self.up = nn.ModuleList(Ascent(block, time) for block in above)
        self.up.append(Ascent(latest, time, slice(-1)))
        self.joining = Joining(latest.resnets[-1], time)
        self.last = Transformer(latest.attentions[-1])
        self.norm, self.leave = Norm(unet.conv_norm_out), unet.conv_out

    def forward(self, heard: Tensor, *maps: Tensor) -> Tensor:
        features, tokens, query, conv, shortcut = maps
        pairs = iter(self.ears(heard).split(self.widths, dim=2))
        x = self.first.second(features, tokens_of(tokens), tokens_of(query), next(pairs))
        skipped = [x]
        for level in self.down:
            x = level(x, pairs, skipped)
        x = self.after(self.middle(x, pairs))
        for level in self.up:
            x = level(x, pairs, skipped)
        x = self.last(self.joining(x, conv, shortcut), next(pairs))
        made: Tensor = self.leave(self.norm(x))
        return made


def _ears(unet: Any) -> tuple[nn.Linear, list[int]]:  # noqa: ANN401
    """All keys and values in one map, in the order in which they are used, and their widths."""
    found = [
        attention.transformer_blocks[0].attn2
        for block in (*unet.down_blocks, unet.mid_block, *unet.up_blocks)
        for attention in getattr(block, "attentions", None) or ()
    ]
    weights = [part.weight for each in found for part in (each.to_k, each.to_v)]
    return linear_of(torch.cat(weights)), [2 * each.to_k.out_features for each in found]
