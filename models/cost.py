"""What a video costs on a machine: a dated table of prices, a measured speed, a utilisation.

Prices are list prices in USD, an estimate to be edited: pass a table of your own to `load_prices`.
"""

import json
from datetime import date
from pathlib import Path

from pydantic import Field

from models.contracts import Contract
from models.errors import InvalidRequest

PRICES = Path(__file__).with_name("prices.json")
HOURS_A_MONTH = 730.0


class Machine(Contract):
    name: str
    gpu: str
    gpus: int = Field(ge=1)
    on_demand: float = Field(gt=0)  # USD an hour
    spot: float = Field(gt=0)  # USD an hour, of late


class Hosted(Contract):
    """Another service's public price."""

    name: str
    per_minute: float = Field(gt=0)  # USD a minute of video
    source: str  # where it was read


class Prices(Contract):
    as_of: date
    region: str
    machines: tuple[Machine, ...]
    hosted: tuple[Hosted, ...]

    def machine(self, name: str) -> Machine:
        """By its name or its GPU. Raises InvalidRequest."""
        for one in self.machines:
            if name.lower() in (one.name, one.gpu.lower()):
                return one
        known = ", ".join(f"{one.gpu} ({one.name})" for one in self.machines)
        raise InvalidRequest(f"no prices of {name!r}: there are {known}")


class Load(Contract):
    """A month's work."""

    videos: int = Field(ge=1)
    seconds: float = Field(gt=0)  # of each
    speed: float = Field(gt=0)  # seconds of video made in one second by one GPU, as measured
    utilisation: float = Field(gt=0, le=1)  # part of the paid time in which a GPU renders
    spot: float = Field(ge=0, le=1)  # part of the time on spot machines


class Estimate(Contract):
    machine: str
    hour: float  # USD of one GPU
    per_minute: float  # USD of video
    per_video: float
    per_month: float
    gpu_hours: float  # paid for
    gpus: float  # all month long, on average


def load_prices(file: Path = PRICES) -> Prices:
    """Raises InvalidRequest where the file is no table of prices."""
    try:
        return Prices.model_validate(json.loads(file.read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        raise InvalidRequest(f"{file} is no table of prices ({error}): see {PRICES}") from error


def estimate(machine: Machine, load: Load) -> Estimate:
    hour = (load.spot * machine.spot + (1 - load.spot) * machine.on_demand) / machine.gpus
    paid_s = load.seconds / (load.speed * load.utilisation)  # of one video
    per_video = hour * paid_s / 3600
    gpu_hours = load.videos * paid_s / 3600
    return Estimate(
        machine=machine.name,
        hour=hour,
        per_minute=per_video * 60 / load.seconds,
        per_video=per_video,
        per_month=per_video * load.videos,
        gpu_hours=gpu_hours,
        gpus=gpu_hours / HOURS_A_MONTH,
    )
