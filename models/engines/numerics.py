"""How far an engine's pictures are from the reference's."""

import math

import torch
from torch import Tensor

from models.contracts import Contract

EXACT_DB = 150.0  # where nothing differs


class Deviation(Contract):
    psnr_db: float
    largest: float  # difference of any value, of a range of 1


def deviation(found: Tensor, reference: Tensor) -> Deviation:
    """Of values 0..1."""
    apart = (found.double() - reference.double()).abs()
    mean = float(apart.square().mean())
    if not math.isfinite(mean):
        return Deviation(psnr_db=-EXACT_DB, largest=float(torch.finfo(torch.float32).max))
    psnr = EXACT_DB if mean == 0 else min(EXACT_DB, -10 * math.log10(mean))
    return Deviation(psnr_db=psnr, largest=float(apart.max()))
