"""Writes the lip decoder as an ONNX graph, for any number of frames and one portrait's maps."""

import warnings
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from torch import Tensor, nn

from models.musetalk.network import LipDecoder, Maps

OPSET = 17
MAPS = tuple(f"map{index}" for index in range(5))


class Outside(nn.Module):
    """In FP32 outside, whatever it computes in."""

    def __init__(self, decoder: LipDecoder, kind: torch.dtype) -> None:
        super().__init__()
        self.decoder, self.kind = decoder, kind

    def forward(self, heard: Tensor, *maps: Tensor) -> Tensor:
        drawn: Tensor = self.decoder(heard, *(each.to(self.kind) for each in maps))
        return drawn.float()


def write(decoder: LipDecoder, heard: Tensor, maps: Maps) -> bytes:
    """The file's bytes. A file holds 2 GB: at its published size only in 16 bits.

    By tracing: the exporter that torch now prefers needs one more package.
    """
    kind = decoder.unet.leave.weight.dtype
    with TemporaryDirectory() as name, warnings.catch_warnings(), torch.inference_mode():
        file = Path(name) / "network.onnx"
        warnings.simplefilter("ignore")  # of its own age, and of shapes that here never change
        torch.onnx.export(
            Outside(decoder, kind).eval(),
            (heard, *(each.float() for each in maps)),
            file,
            dynamo=False,
            opset_version=OPSET,
            input_names=["heard", *MAPS],
            output_names=["drawn"],
            dynamic_axes={"heard": {0: "batch"}, "drawn": {0: "batch"}},
        )
        return file.read_bytes()
