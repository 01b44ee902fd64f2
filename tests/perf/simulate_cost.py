"""What the three sizes of infra/terraform cost, by simulated days of their users.

`python -m tests.perf.simulate_cost [SPEED] [MACHINE]`: as many users a minute at noon as a size is
meant for, few at night, each with one video of a minute; the workers, their rule and their bounds
are the size's. SPEED is measured: seconds of video made in a second.
"""

import math
import sys
from dataclasses import dataclass, replace
from statistics import fmean

from infra.autoscaler.rules import Rule, rule_for
from models.cost import SEEN, Estimate, Load, estimate
from models.prices import Fleet as Size
from models.prices import Machine, Prices, load_prices
from tests.perf.simulate_scaling import SEEDS, Fleet, Outcome, Rate
from tests.perf.table import report

VIDEO_S = 60.0
DAYS_A_MONTH = 730 / 24
MEGABYTES = 3.5  # of a minute
FEW = 0.1  # users a minute at noon: what a size for ten costs whom hardly anybody asks


@dataclass(frozen=True)
class Day:
    size: Size
    users: float  # a minute, at noon
    runs: tuple[Outcome, ...]

    @property
    def videos(self) -> int:
        return round(fmean(len(run.waits_s) for run in self.runs))

    @property
    def hours(self) -> float:
        return fmean(run.machine_s for run in self.runs) / 3600

    @property
    def utilisation(self) -> float:
        return fmean(run.busy_s for run in self.runs) / 3600 / self.hours

    @property
    def idle_hours(self) -> float:
        """A month."""
        return self.hours * (1 - self.utilisation) * DAYS_A_MONTH

    @property
    def spot(self) -> float:
        """Part of the machines' time that is above the base on demand, of that the mix's part."""
        above = sum(
            max(machines - self.size.on_demand_base, 0)
            for run in self.runs
            for _, _, machines in run.trace
        )
        every = sum(machines for run in self.runs for _, _, machines in run.trace)
        return self.size.spot_above_base * above / every


def rule_of(size: Size, run_s: float, places: int) -> Rule:
    """The autoscaler's for so many users, within the size's bounds."""
    return replace(
        rule_for(size.users[1]),
        at_least=size.warm * places,
        warm=max(size.warm * places, 1),
        at_most=size.at_most * places,
        run_s=run_s,
    )


def rate_of(users: float) -> Rate:
    """A tenth of noon's at night."""

    def rate(second: float) -> float:
        bow = max(math.sin(math.pi * (second / 3600 - 6) / 12), 0.0) ** 2
        return users * (0.1 + 0.9 * bow)

    return rate


def day_of(
    size: Size, users: float, speed: float, places: int, seeds: tuple[int, ...] = SEEDS
) -> Day:
    """`places` are a machine's: each is a simulated machine of its own."""
    run_s = VIDEO_S / speed
    rule = rule_of(size, run_s, places)
    runs = [Fleet(rate_of(users), rule, rule.warm, seed, run_s).run(24.0) for seed in seeds]
    return Day(size, users, tuple(runs))


def cost_of(day: Day, machine: Machine, speed: float, prices: Prices) -> tuple[Load, Estimate]:
    load = Load(
        videos=round(day.videos * DAYS_A_MONTH),
        seconds=VIDEO_S,
        speed=speed,
        utilisation=day.utilisation,
        spot=day.spot,
        megabytes=MEGABYTES,
    )
    return load, estimate(machine, load, prices, day.size)


def row(day: Day, machine: Machine, speed: float, prices: Prices) -> list[object]:
    load, found = cost_of(day, machine, speed, prices)
    waits = fmean(run.mean_s for run in day.runs), fmean(run.p95_s for run in day.runs)
    most = max(machines for run in day.runs for _, _, machines in run.trace)
    each = found.shared(load)
    return [
        day.size.name,
        day.users,
        load.videos,
        *waits,
        most,
        day.utilisation,
        day.idle_hours,
        day.spot,
        found.rendering,
        found.fleet,
        found.storage + found.traffic,
        found.month,
        100 * each["per_minute"],
    ]


COLUMNS = [
    "size",
    "users/min at noon",
    "videos a month",
    "mean wait s",
    "p95 s",
    "most places",
    "used",
    "idle h",
    "spot",
    "rendering $",
    "fleet $",
    "store + traffic $",
    "month $",
    "¢/minute",
]


def main() -> None:
    speed = float(sys.argv[1]) if len(sys.argv) > 1 else SEEN.ratio
    prices = load_prices()
    machine = prices.machine(sys.argv[2] if len(sys.argv) > 2 else "CPU")
    days = [
        day_of(size, users, speed, machine.side_by_side)
        for size in prices.fleets
        for users in (*((FEW,) if size is prices.fleets[0] else ()), *size.users)
    ]
    name = f"cost-{machine.name}-{speed:g}x"
    report(name, COLUMNS, [row(day, machine, speed, prices) for day in days])


if __name__ == "__main__":
    main()
