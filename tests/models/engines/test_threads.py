"""Cores for networks, and for networks only."""

import pytest
import torch

from models.engines.threads import torch_threads


def test_torch_has_the_threads_for_as_long_as_it_takes() -> None:
    before = torch.get_num_threads()
    with torch_threads(before + 2):
        assert torch.get_num_threads() == before + 2
    assert torch.get_num_threads() == before


def test_threads_are_given_back_after_an_error() -> None:
    before = torch.get_num_threads()
    with pytest.raises(ValueError, match="broken"), torch_threads(before + 1):
        raise ValueError("broken")
    assert torch.get_num_threads() == before
