"""How far a student's pictures are from its teacher's."""

import torch
from torch import Tensor
from torch.nn import functional

from models.wav2lip.crop import opacity, shown_from

ELSEWHERE = 0.2  # weight of what a video never shows, where the mouth's is 1
EDGES = 0.5  # share of the differences between neighbours: they keep lips and teeth sharp
SSIM_WINDOW, SSIM_STEADY = 7, (0.01**2, 0.03**2)  # Wang et al. 2004, with an even window
LUMA = (0.114, 0.587, 0.299)  # of BGR


def importance(size: int) -> Tensor:
    """(1, 1, S, S) of mean 1: the mouth region counts most."""
    weight = torch.full((size, size), ELSEWHERE)
    top = shown_from(size)
    weight[top:] += (1 - ELSEWHERE) * opacity(size, top)
    return (weight / weight.mean())[None, None]


def loss(drawn: Tensor, wanted: Tensor, weight: Tensor) -> Tensor:
    """L1 of pixels and of their differences; (B, 3, S, S) 0..1 and `importance`."""
    apart = drawn - wanted
    down, right = apart.diff(dim=2).abs(), apart.diff(dim=3).abs()
    edges = (weight[:, :, 1:] * down).mean() + (weight[:, :, :, 1:] * right).mean()
    return (weight * apart.abs()).mean() + EDGES * edges


def psnr_db(drawn: Tensor, wanted: Tensor) -> float:
    """Of values 0..1; 100 where nothing differs."""
    mean = (drawn - wanted).square().mean().double()
    return float(-10 * torch.log10(mean.clamp_min(1e-10)))


def ssim(drawn: Tensor, wanted: Tensor) -> float:
    """Structural similarity of the luma, 1 where nothing differs."""
    x, y = _luma(drawn), _luma(wanted)

    def mean(values: Tensor) -> Tensor:
        return functional.avg_pool2d(values, SSIM_WINDOW, 1)

    mx, my = mean(x), mean(y)
    vx, vy, both = mean(x * x) - mx * mx, mean(y * y) - my * my, mean(x * y) - mx * my
    low, high = SSIM_STEADY
    alike = (2 * mx * my + low) * (2 * both + high)
    return float((alike / ((mx * mx + my * my + low) * (vx + vy + high))).mean())


def _luma(bgr: Tensor) -> Tensor:
    weights = torch.tensor(LUMA, device=bgr.device).view(1, 3, 1, 1)
    return (bgr * weights).sum(dim=1, keepdim=True)
