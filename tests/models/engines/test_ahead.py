"""A network is asked for one part more than is in use, and for nothing that nobody wants."""

import pytest
import torch
from torch import Tensor

from models.engines.ahead import Ahead, Drawing
from models.renderer import Span


class Network:
    """Keeps what it was asked for, and what was withdrawn."""

    def __init__(self, broken_from: int = 1000) -> None:
        self.asked: list[Span] = []
        self.withdrawn: list[Span] = []
        self._broken_from = broken_from

    def ask(self, part: Span) -> Drawing:
        if part.first >= self._broken_from:
            raise MemoryError("no room for what it hears")
        self.asked.append(part)
        return Drawing(part, lambda: drawn(part), lambda: self.withdrawn.append(part))


def drawn(part: Span) -> Tensor:
    return torch.arange(part.first, part.stop)


def test_the_next_part_is_asked_for_before_this_one_is_used() -> None:
    network = Network()
    ahead = Ahead(network.ask, stop=10)
    for part in (Span(0, 4), Span(4, 8), Span(8, 10)):
        assert torch.equal(ahead.drawing(part).result(), drawn(part))
        assert network.asked[-1] == Span(min(part.stop, 8), min(part.stop + 4, 10))
    assert network.asked == [Span(0, 4), Span(4, 8), Span(8, 10)]
    ahead.close()
    assert network.withdrawn == []


def test_what_nobody_will_use_is_withdrawn() -> None:
    network = Network()
    ahead = Ahead(network.ask, stop=10)
    ahead.drawing(Span(0, 4))
    ahead.close()
    assert network.withdrawn == [Span(4, 8)]


def test_smaller_parts_are_asked_for_anew() -> None:
    network = Network()
    ahead = Ahead(network.ask, stop=10)
    ahead.drawing(Span(0, 4))
    assert torch.equal(ahead.drawing(Span(4, 6)).result(), drawn(Span(4, 6)))
    assert network.withdrawn == [Span(4, 8)]
    assert network.asked[-2:] == [Span(4, 6), Span(6, 8)]


def test_a_part_is_withdrawn_where_the_next_cannot_be_asked_for() -> None:
    network = Network(broken_from=4)
    ahead = Ahead(network.ask, stop=10)
    with pytest.raises(MemoryError):
        ahead.drawing(Span(0, 4))
    ahead.close()
    assert network.withdrawn == [Span(0, 4)]
