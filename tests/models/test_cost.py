"""What videos cost, by hand and by the table."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from models.cost import Load, Machine, estimate, load_prices
from models.errors import InvalidRequest

ONE = Machine(name="m", gpu="G", gpus=1, on_demand=3.6, spot=1.8)
LOAD = Load(videos=1000, seconds=60, speed=2, utilisation=0.5, spot=0)


def test_a_minute_at_real_speed_costs_a_minute_of_the_machine() -> None:
    made = estimate(ONE, LOAD)  # twice as fast, used half of the time
    assert made.per_minute == pytest.approx(3.6 / 60)
    assert made.per_video == pytest.approx(0.06)
    assert made.per_month == pytest.approx(60)
    assert made.gpu_hours == pytest.approx(1000 / 60)
    assert made.gpus == pytest.approx(1000 / 60 / 730)


def test_spot_time_is_cheaper_by_its_part() -> None:
    half = estimate(ONE, LOAD.model_copy(update={"spot": 0.5}))
    assert half.hour == pytest.approx(2.7)


def test_a_machine_of_eight_is_paid_by_the_gpu() -> None:
    eight = ONE.model_copy(update={"gpus": 8, "on_demand": 28.8})
    assert estimate(eight, LOAD).per_month == pytest.approx(60)


def test_prices_are_dated_and_spot_is_below_on_demand() -> None:
    prices = load_prices()
    assert {one.gpu for one in prices.machines} >= {"T4", "A10G", "A100", "H100"}
    assert all(one.spot < one.on_demand for one in prices.machines)
    assert prices.as_of.year >= 2025
    assert prices.machine("t4").name == "g4dn.xlarge"


def test_a_machine_without_a_price_is_refused_by_name() -> None:
    with pytest.raises(InvalidRequest, match=r"'K80'.*g4dn\.xlarge"):
        load_prices().machine("K80")


def test_an_idle_fleet_has_no_price_a_video() -> None:
    with pytest.raises(ValidationError):
        Load(videos=1, seconds=1, speed=1, utilisation=0, spot=0)


def test_a_table_that_is_none_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "prices.json"
    file.write_text("{}", encoding="utf-8")
    with pytest.raises(InvalidRequest, match="no table of prices"):
        load_prices(file)
