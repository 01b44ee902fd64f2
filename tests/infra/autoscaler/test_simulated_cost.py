"""What the table of prices says of a fleet's idle hours is what the simulation finds."""

import pytest

from models.cost import SEEN
from models.prices import load_prices
from tests.perf.simulate_cost import day_of

PRICES = load_prices()


def test_the_small_fleet_waits_as_long_as_the_table_says() -> None:
    small, machine = PRICES.fleet("small"), PRICES.machine("CPU")
    day = day_of(small, 1, SEEN.ratio, machine.side_by_side, seeds=(1,))
    said = small.waiting(round(day.videos * 730 / 24))
    assert day.idle_hours == pytest.approx(said.idle_hours, rel=0.2)  # one day of three
    assert day.spot == pytest.approx(said.spot, abs=0.15)
