"""Cores for networks, and for networks only."""

import pytest
import torch
from torch import Tensor, nn

from models.engines.threads import torch_threads
from models.engines.torch_engines import EagerEngine


class Counts(nn.Module):
    """Draws how many threads there are."""

    def forward(self, batch: Tensor, *constant: Tensor) -> Tensor:
        return torch.full((len(batch), 1), float(torch.get_num_threads()))


def test_a_network_has_its_threads_and_leaves_the_process_its_own() -> None:
    before = torch.get_num_threads()
    engine = EagerEngine(Counts(), threads=before + 2)
    assert engine(torch.zeros(3, 1)).tolist() == [[before + 2]] * 3
    assert torch.get_num_threads() == before


def test_threads_are_given_back_after_an_error() -> None:
    before = torch.get_num_threads()
    with pytest.raises(ValueError, match="broken"), torch_threads(before + 1):
        raise ValueError("broken")
    assert torch.get_num_threads() == before
