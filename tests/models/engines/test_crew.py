"""Any number of threads draws the same."""

import threading

import pytest
import torch
from torch import Tensor, nn

from models.engines.crew import ROWS, CrewEngine
from models.engines.torch_engines import EagerEngine


class Blend(nn.Module):
    """Convolves rows and adds a constant; remembers who drew how many."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.conv = nn.Conv2d(3, 5, 3, padding=1)
        self.drawn: list[tuple[str, int]] = []

    def forward(self, rows: Tensor, constant: Tensor) -> Tensor:
        self.drawn.append((threading.current_thread().name, len(rows)))
        made: Tensor = self.conv(rows) + constant
        return made


def crew(module: nn.Module, threads: int) -> CrewEngine:
    return CrewEngine(EagerEngine(module), threads)


@pytest.mark.parametrize("constants", [1, 2 * ROWS + 1])
def test_the_number_of_threads_does_not_show(constants: int) -> None:
    rows = torch.rand(2 * ROWS + 1, 3, 8, 8)
    constant = torch.rand(constants, 5, 1, 1)
    module = Blend()
    drawn = [crew(module, count)(rows, constant) for count in (1, 2, 3)]
    assert all(torch.equal(drawn[0], other) for other in drawn[1:])
    with torch.inference_mode():
        assert (drawn[0] - module(rows, constant)).abs().max() < 1e-5


def test_each_draws_a_few_rows_beside_the_caller() -> None:
    module = Blend()
    crew(module, 2)(torch.rand(2 * ROWS + 1, 3, 8, 8), torch.zeros(1, 5, 1, 1))
    assert sorted(count for _, count in module.drawn) == [1, ROWS, ROWS]
    assert all(name.startswith("network") for name, _ in module.drawn)


def test_what_a_thread_raises_reaches_the_caller() -> None:
    with pytest.raises(RuntimeError, match="expected input"):
        crew(Blend(), 2)(torch.rand(9, 4, 8, 8), torch.zeros(1, 5, 1, 1))
