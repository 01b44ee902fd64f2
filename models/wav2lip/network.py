"""Wav2Lip in two parts: what a portrait needs once, and what every frame needs.

The public network joins the face's features to the decoder's at every stage. A convolution of
joined channels is the sum of two, so all that the face adds becomes one map a stage, computed once
a portrait. And since only the rows around the mouth are shown, only they are decoded: every
stage drops the rows above that no shown pixel depends on.
"""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from models.wav2lip.activation import activate_
from models.wav2lip.folding import Folded
from models.wav2lip.layout import Conv, Layout, Stage

Maps = tuple[Tensor, ...]  # (1, C, h, w) each: what the face adds to a stage, bias included


class Step(nn.Module):
    """A convolution, the activation behind it, its input added in between where it is residual."""

    def __init__(self, conv: Conv, folded: Folded) -> None:
        super().__init__()
        self.residual, self.activation = conv.residual, folded.activation
        self.conv = module_of(conv, *folded.convs[conv.name])

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.conv(x)
        return activate_(y.add_(x) if self.residual else y, self.activation)


def module_of(conv: Conv, weight: Tensor, bias: Tensor | None) -> nn.Conv2d | nn.ConvTranspose2d:
    sizes = (conv.outputs, conv.kernel, conv.stride, conv.padding)
    made: nn.Conv2d | nn.ConvTranspose2d
    if conv.transposed:
        made = nn.ConvTranspose2d(weight.shape[0], *sizes, conv.output_padding, device="meta")
    else:
        made = nn.Conv2d(weight.shape[1], *sizes, device="meta")
    made.weight = nn.Parameter(weight.contiguous(), requires_grad=False)
    made.bias = None if bias is None else nn.Parameter(bias.clone(), requires_grad=False)
    return made


def steps(stage: Stage, folded: Folded) -> nn.Sequential:
    return nn.Sequential(*(Step(conv, folded) for conv in stage))


class Rows(NamedTuple):
    """Of a stage of the decoder: where its input and its output begin, in their whole pictures."""

    read: int  # first row of the stage's input that is used
    made: int  # first row of its output that is there


@dataclass(frozen=True)
class Trim:
    """Which rows every stage of the decoder computes, for rows `top`.. of the face."""

    top: int
    stages: tuple[Rows, ...]
    last: int  # first row that the output block reads

    @classmethod
    def to(cls, top: int, layout: Layout) -> "Trim":
        """A convolution's first row above a cut is wrong, its padding being no picture."""
        needed = last = max(0, top - layout.output[0].kernel // 2)
        rows: list[Rows] = []
        for first, *rest in reversed(layout.decoder):
            made = max(0, needed - sum(conv.kernel // 2 for conv in rest))
            read = made // 2 if first.stride[0] == 2 and first.kernel == 3 else 0
            rows.append(Rows(read, 2 * read))
            needed = read
        return cls(top, tuple(reversed(rows)), last)


class FaceEncoder(nn.Module):
    """(1, 6, S, S), the masked face and the face, BGR 0..1, to the maps of the decoder."""

    def __init__(self, folded: Folded, trim: Trim) -> None:
        super().__init__()
        layout = folded.layout
        self.stages = nn.ModuleList(steps(stage, folded) for stage in layout.face)
        self.trim = trim
        self.joins = nn.ModuleList(_face_part(conv, folded) for conv in joining(layout))

    def forward(self, face: Tensor) -> Maps:
        skipped = []
        for stage in self.stages:
            face = stage(face)
            skipped.append(face)
        starts = [rows.read for rows in self.trim.stages[1:]] + [self.trim.last]
        return tuple(
            join(features[:, :, start:])
            for join, features, start in zip(self.joins, reversed(skipped), starts, strict=True)
        )


class LipDecoder(nn.Module):
    """Mel windows (B, 1, 80, 16) and a face's maps to rows top.. of the face, (B, 3, h, S), 0..1.

    Rows above `top` are left out; BGR as the face that went in. What hears the sound is a
    thirtieth of the work and stays in FP32: in 16 bits it costs seven decibels of the picture.
    """

    def __init__(self, folded: Folded, trim: Trim) -> None:
        super().__init__()
        layout = folded.layout
        self.audio = steps(layout.audio, folded)
        self.first = steps(layout.decoder[0], folded)
        joins = joining(layout)
        self.joins = nn.ModuleList(_own_part(conv, folded) for conv in joins)
        self.rest = nn.ModuleList(steps(stage[1:], folded) for stage in layout.decoder[1:])
        self.output = module_of(layout.output[1], *folded.convs[layout.output[1].name])
        self.cuts = _cuts(trim)
        self.extra = trim.top - trim.last
        self.activation = folded.activation

    def shortened(self, kind: torch.dtype) -> "LipDecoder":
        """Itself, drawing in 16 bits; the maps must be of the same kind."""
        for part in (self.joins, self.rest, self.output):
            part.to(kind)
        return self

    def forward(self, mel: Tensor, *maps: Tensor) -> Tensor:
        x = self.first(self.audio(mel)).to(maps[0].dtype)
        *stages, last = zip(self.joins, self.cuts, maps, strict=True)
        for rest, (join, cut, face) in zip(self.rest, stages, strict=True):
            x = rest(activate_(join(x[:, :, cut:]) + face, self.activation))
        join, cut, face = last
        x = activate_(join(x[:, :, cut:]) + face, self.activation)
        return torch.sigmoid(self.output(x[:, :, self.extra :]))


def joining(layout: Layout) -> tuple[Conv, ...]:
    """The convolutions that read the decoder's channels and, behind them, the face's."""
    return (*(stage[0] for stage in layout.decoder[1:]), layout.output[0])


def own_channels(layout: Layout) -> tuple[int, ...]:
    """How many of each joining convolution's inputs are the decoder's."""
    return tuple(stage[-1].outputs for stage in layout.decoder)


def _cuts(trim: Trim) -> tuple[int, ...]:
    """Rows to drop before every join: a stage may have made more than the next one reads."""
    made = [rows.made for rows in trim.stages]
    reads = [rows.read for rows in trim.stages[1:]] + [trim.last]
    return tuple(read - start for read, start in zip(reads, made, strict=True))


def _own_part(conv: Conv, folded: Folded) -> nn.Module:
    own, _ = _split(conv, folded)
    return module_of(conv, own, None)


def _face_part(conv: Conv, folded: Folded) -> nn.Module:
    _, face = _split(conv, folded)
    return module_of(conv, face, folded.convs[conv.name][1])


def _split(conv: Conv, folded: Folded) -> tuple[Tensor, Tensor]:
    own = dict(zip(joining(folded.layout), own_channels(folded.layout), strict=True))[conv]
    weight, axis = folded.convs[conv.name][0], 0 if conv.transposed else 1
    return weight.narrow(axis, 0, own), weight.narrow(axis, own, conv.inputs - own)
