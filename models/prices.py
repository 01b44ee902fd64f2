"""Prices as a dated table that operators edit, in USD: machines, fleets, hosted services.

What the table says of itself in `checked` is shown wherever its figures are.
"""

import json
from datetime import date
from math import log
from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from models.contracts import Contract
from models.errors import InvalidRequest

PRICES = Path(__file__).with_name("prices.json")
HOURS_A_MONTH = 730.0


class Machine(Contract):
    name: str
    processor: str  # what renders
    device: Literal["cpu", "cuda"]
    side_by_side: int = Field(ge=1)  # videos at once, each at the measured speed
    on_demand: float = Field(gt=0)  # USD an hour
    spot: float = Field(gt=0)  # USD an hour, of late

    def hour(self, spot: float) -> float:
        """USD of one video's place, with such a part of the time on spot machines."""
        return (spot * self.spot + (1 - spot) * self.on_demand) / self.side_by_side


class Simulated(Contract):
    """A month of a fleet, as tests/perf/simulate_cost.py found it."""

    videos: int = Field(ge=1)  # a month
    idle_hours: float = Field(ge=0)  # of a video's place, paid while it waits or starts
    spot: float = Field(ge=0, le=1)  # part of the time on spot machines


class Fleet(Contract):
    """A size of infra/terraform."""

    name: str
    users: tuple[int, int]  # a minute, at the busiest hour
    warm: int = Field(ge=0)  # workers, always
    at_most: int = Field(ge=1)
    on_demand_base: int = Field(ge=0)
    spot_above_base: float = Field(ge=0, le=1)
    simulated: tuple[Simulated, ...] = Field(min_length=1)  # the fewest videos first
    parts: dict[str, int]  # how many of each, beside the workers

    def waiting(self, videos: int) -> Simulated:
        """Between two simulated months by the logarithm of the videos; outside, the nearest's."""
        before = [month for month in self.simulated if month.videos <= videos]
        after = [month for month in self.simulated if month.videos > videos]
        if not before:  # a machine that one video wakes waits as long for nothing
            part = videos / after[0].videos
            return Simulated(
                videos=videos, idle_hours=after[0].idle_hours * part, spot=after[0].spot
            )
        low, high = before[-1], (after or before[-1:])[0]
        part = log(videos / low.videos) / log(high.videos / low.videos) if after else 0.0
        return Simulated(
            videos=videos,
            idle_hours=low.idle_hours + part * (high.idle_hours - low.idle_hours),
            spot=low.spot + part * (high.spot - low.spot),
        )


class Hosted(Contract):
    """Another service's public price."""

    name: str
    per_minute: float = Field(gt=0)  # USD a minute of video
    source: str  # where it was read


class Prices(Contract):
    as_of: date
    checked: str  # by whom and when, or that nobody did
    region: str
    machines: tuple[Machine, ...]
    parts: dict[str, float]  # USD an hour
    storage_gb_month: float = Field(ge=0)
    egress_gb: float = Field(ge=0)
    egress_free_gb: float = Field(ge=0)  # a month
    fleets: tuple[Fleet, ...]
    hosted: tuple[Hosted, ...]

    @model_validator(mode="after")
    def _parts_have_prices(self) -> "Prices":
        missing = {part for fleet in self.fleets for part in fleet.parts} - self.parts.keys()
        if missing:
            raise ValueError(f"no prices of {', '.join(sorted(missing))}")
        return self

    def machine(self, name: str) -> Machine:
        """By its name or its processor. Raises InvalidRequest."""
        for one in self.machines:
            if name.lower() in (one.name, one.processor.lower()):
                return one
        known = ", ".join(f"{one.processor} ({one.name})" for one in self.machines)
        raise InvalidRequest(f"no prices of {name!r}: there are {known}")

    def fleet(self, name: str) -> Fleet:
        """Raises InvalidRequest."""
        for one in self.fleets:
            if one.name == name:
                return one
        raise InvalidRequest(
            f"no fleet {name!r}: there are {', '.join(one.name for one in self.fleets)}"
        )

    def beside_workers(self, fleet: Fleet) -> float:
        """USD a month of what runs whether anybody comes or not."""
        hour = sum(self.parts[part] * count for part, count in fleet.parts.items())
        return hour * HOURS_A_MONTH


def load_prices(file: Path = PRICES) -> Prices:
    """Raises InvalidRequest where the file is no table of prices."""
    try:
        return Prices.model_validate(json.loads(file.read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        raise InvalidRequest(f"{file} is no table of prices ({error}): see {PRICES}") from error
