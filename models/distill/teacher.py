"""The network that a student imitates, and what it draws of a batch."""

from dataclasses import dataclass

import torch
from torch import Tensor

from models.distill.corpus import Batch
from models.distill.network import each_repeated
from models.wav2lip.folding import Folded
from models.wav2lip.network import FaceEncoder, LipDecoder, Trim


@dataclass(frozen=True)
class Painter:
    """Folded weights, ready to draw rows `top`.. of faces."""

    encoder: FaceEncoder
    decoder: LipDecoder

    @classmethod
    def of(cls, folded: Folded, device: torch.device, top: int = 0) -> "Painter":
        trim = Trim.to(top, folded.layout)
        return cls(
            FaceEncoder(folded, trim).to(device).eval(), LipDecoder(folded, trim).to(device).eval()
        )

    def draw(self, batch: Batch) -> Tensor:
        """(F * W, 3, S - top, S), 0..1."""
        each = len(batch.mel) // len(batch.faces)
        with torch.no_grad():
            maps = self.encoder(batch.faces)
            drawn: Tensor = self.decoder(batch.mel, *(each_repeated(one, each) for one in maps))
        return drawn
