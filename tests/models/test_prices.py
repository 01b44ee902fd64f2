"""The table that operators edit: dated, complete, and of the machines that Terraform asks for."""

import json
import re
from pathlib import Path

import pytest

from models.errors import InvalidRequest
from models.prices import PRICES, Fleet, load_prices

SIZES = Path(__file__).resolve().parents[2] / "infra" / "terraform" / "sizes"
TABLE = load_prices()


def test_prices_are_dated_and_say_whether_anybody_checked_them() -> None:
    assert TABLE.as_of.year >= 2025
    assert "look each up" in TABLE.checked
    assert all(other.source for other in TABLE.hosted)


def test_spot_is_below_on_demand() -> None:
    assert {one.processor for one in TABLE.machines} >= {"T4", "A10G", "L4", "A100", "H100"}
    assert all(one.spot < one.on_demand for one in TABLE.machines)
    assert TABLE.machine("t4").name == "g4dn.xlarge"


@pytest.mark.parametrize("fleet", TABLE.fleets, ids=lambda fleet: str(fleet.name))
def test_a_fleet_is_what_terraform_makes_of_its_size(fleet: Fleet) -> None:
    text = (SIZES / f"{fleet.name}.tfvars").read_text(encoding="utf-8")

    def value(name: str, after: str = "") -> str:
        found = re.search(rf'{after}.*?\b{name}\s*=\s*"?([\w.]+)"?', text, re.DOTALL)
        assert found, name
        return found[1]

    copies = 2 if value("multi_az") == "true" else 1
    assert fleet.parts[value("database_class")] == copies
    assert fleet.parts[value("cache_type")] == int(value("cache_nodes"))
    assert fleet.parts[value("prefect_type")] == int(value("min", "gateways")) + 1
    assert value("type", "gateways") == value("prefect_type")
    assert fleet.parts["c7i.xlarge"] == int(value("min", "cpu_workers"))
    assert fleet.users[1] == int(value("users", "{"))
    assert fleet.warm == int(value("min", "gpu_workers"))
    assert fleet.at_most == int(value("max", "gpu_workers"))
    assert fleet.on_demand_base == int(value("on_demand_base", "gpu_workers"))
    assert fleet.spot_above_base == pytest.approx(int(value("spot_percent", "gpu_workers")) / 100)
    for name in re.findall(r'"((?:g|p)\d\w*\.\w+)"', text):
        assert TABLE.machine(name)


def test_between_two_simulated_months_lies_what_lies_between() -> None:
    small = TABLE.fleet("small")
    few, more = small.simulated[:2]
    between = small.waiting(5_000)
    assert few.idle_hours < between.idle_hours < more.idle_hours
    assert small.waiting(few.videos) == few
    assert small.waiting(few.videos // 10).idle_hours == pytest.approx(
        few.idle_hours / 10, rel=0.01
    )
    assert small.waiting(10**8).idle_hours == small.simulated[-1].idle_hours


def test_what_has_no_price_is_refused_by_name() -> None:
    with pytest.raises(InvalidRequest, match=r"'K80'.*g4dn\.xlarge"):
        TABLE.machine("K80")
    with pytest.raises(InvalidRequest, match=r"'huge'.*small, medium, large"):
        TABLE.fleet("huge")


@pytest.mark.parametrize("change", [{"as_of": None}, {"parts": {}}])
def test_a_table_that_is_none_is_refused(tmp_path: Path, change: dict[str, object]) -> None:
    file = tmp_path / "prices.json"
    file.write_text(json.dumps(json.loads(PRICES.read_text()) | change), encoding="utf-8")
    with pytest.raises(InvalidRequest, match="no table of prices"):
        load_prices(file)
