"""A small teacher, faces and sound, as quick as they can be."""

import pytest
import torch
from torch import Tensor

from models.distill.corpus import Corpus, corpus_of
from models.distill.material import CROPS
from tests.models.wav2lip import published

FEWER = 8


@pytest.fixture(scope="session")
def small_state() -> published.State:
    """The published layout with an eighth of its channels: a 64th of its weights."""
    return published.random_state(seed=5, fewer=FEWER)


@pytest.fixture(scope="session")
def published_state() -> published.State:
    return published.random_state()


def noisy_faces(count: int, seed: int = 1) -> list[Tensor]:
    """Crops (V, 3, 96, 96) uint8, smooth like faces."""
    random = torch.Generator().manual_seed(seed)
    coarse = torch.rand(count * len(CROPS), 3, 8, 8, generator=random)
    fine = torch.nn.functional.interpolate(coarse, (96, 96), mode="bicubic").clamp(0, 1)
    return list((255 * fine).to(torch.uint8).view(count, len(CROPS), 3, 96, 96))


def noisy_sound(seconds: float, seed: int = 2) -> Tensor:
    """Mel rows (M, 80)."""
    random = torch.Generator().manual_seed(seed)
    return torch.rand(round(80 * seconds), 80, generator=random) * 8 - 4


@pytest.fixture(scope="session")
def corpus() -> Corpus:
    return corpus_of(noisy_faces(6), [noisy_sound(9.0), noisy_sound(8.0)])
