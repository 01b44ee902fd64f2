"""The public network as it is trained: whole, BatchNorm and all, under the public keys."""

import torch
from torch import Tensor, nn

from models.wav2lip.activation import activate_
from models.wav2lip.layout import Activation, Conv, Layout, Stage


class Block(nn.Module):
    """A convolution, BatchNorm, its input added where it is residual, the activation."""

    def __init__(self, conv: Conv, activation: Activation) -> None:
        super().__init__()
        self.residual, self.activation = conv.residual, activation
        self.conv_block = nn.Sequential(_module(conv), nn.BatchNorm2d(conv.outputs))

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.conv_block(x)
        return activate_(y + x if self.residual else y, self.activation)


class LipNetwork(nn.Module):
    """Its state dict is a checkpoint of the layout."""

    def __init__(self, layout: Layout, activation: Activation) -> None:
        super().__init__()

        def blocks(stage: Stage) -> nn.Sequential:
            return nn.Sequential(*(Block(conv, activation) for conv in stage))

        first, last = layout.output
        self.face_encoder_blocks = nn.ModuleList(blocks(stage) for stage in layout.face)
        self.audio_encoder = blocks(layout.audio)
        self.face_decoder_blocks = nn.ModuleList(blocks(stage) for stage in layout.decoder)
        self.output_block = nn.Sequential(Block(first, activation), _module(last))

    def forward(self, faces: Tensor, mel: Tensor) -> Tensor:
        """(F, 6, S, S) and (F * W, 1, 80, 16), W windows a face, to (F * W, 3, S, S), 0..1."""
        windows = len(mel) // len(faces)
        skipped = []
        for stage in self.face_encoder_blocks:
            faces = stage(faces)
            skipped.append(faces)
        x = self.audio_encoder(mel)
        for stage in self.face_decoder_blocks:
            x = torch.cat([stage(x), each_repeated(skipped.pop(), windows)], dim=1)
        drawn: Tensor = self.output_block(x)
        return torch.sigmoid(drawn)


def each_repeated(x: Tensor, times: int) -> Tensor:
    """(F, ...) to (F * times, ...), those of one face behind each other."""
    return x if times == 1 else x.repeat_interleave(times, dim=0)


def _module(conv: Conv) -> nn.Conv2d | nn.ConvTranspose2d:
    sizes = (conv.inputs, conv.outputs, conv.kernel, conv.stride, conv.padding)
    if conv.transposed:
        return nn.ConvTranspose2d(*sizes, conv.output_padding)
    return nn.Conv2d(*sizes)
