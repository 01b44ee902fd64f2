"""Rules of scaling, compared on simulated days: how long people wait, and what the machines cost.

`python -m tests.perf.simulate_scaling` prints the tables and writes docs/scaling.png. The rules
decide through the code that scales the pools; only time, videos and machines are simulated.
"""

import math
import random
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import fmean, quantiles
from typing import Any, cast

import matplotlib
import simpy

from infra.autoscaler.rules import LARGE, SMALL, Rule, State, decide, one_at_a_time
from tests.perf.table import report

matplotlib.use("Agg")
from matplotlib import pyplot

PICTURE = Path("docs/scaling.png")
RATES = (1, 3, 10, 30, 100)  # users a minute, one video each
HOURS = 4.0
SEEDS = (1, 2, 3)
RUN_S = 8.0  # mean; log-normal, so that a tenth takes twice as long
RUN_SIGMA = 0.5
START_S = 90.0  # an instance from an image with the models in it
LOOK_EVERY_S = 5.0
PRICE_PER_HOUR = 0.526  # g4dn.xlarge, on demand, us-east-1
MOST = 32

Events = Generator[simpy.Event, Any, None]
Rate = Callable[[float], float]  # second of the day -> users a minute


@dataclass
class Outcome:
    waits_s: list[float] = field(default_factory=list)
    machine_s: float = 0.0
    busy_s: float = 0.0
    changes: int = 0
    trace: list[tuple[float, int, int]] = field(default_factory=list)  # s, waiting, machines

    @property
    def mean_s(self) -> float:
        return fmean(self.waits_s)

    @property
    def p95_s(self) -> float:
        return quantiles(self.waits_s, n=20)[-1]

    @property
    def cents_per_video(self) -> float:
        return self.machine_s / 3600 * PRICE_PER_HOUR * 100 / len(self.waits_s)


class Machine:
    """Starts, takes runs one after the other, and when told to drain finishes the one it has."""

    def __init__(self, fleet: "Fleet") -> None:
        self.busy = False
        self.drain: simpy.Event = fleet.env.event()
        fleet.env.process(self._live(fleet))

    def _live(self, fleet: "Fleet") -> Events:
        began = fleet.env.now
        yield fleet.env.timeout(START_S) | self.drain
        while not self.drain.triggered:
            run = fleet.queue.get()
            yield run | self.drain
            if not run.triggered:
                run.cancel()
                break
            asked_at, run_s = cast("tuple[float, float]", run.value)
            fleet.outcome.waits_s.append(fleet.env.now - asked_at)
            fleet.outcome.busy_s += run_s
            self.busy = True
            yield fleet.env.timeout(run_s)
            self.busy = False
        fleet.outcome.machine_s += fleet.env.now - began


class Fleet:
    """One pool over one day; `rule` None keeps the machines it starts with."""

    def __init__(
        self, rate: Rate, rule: Rule | None, machines: int, seed: int, run_s: float = RUN_S
    ) -> None:
        self.env = simpy.Environment()
        self.queue: simpy.Store = simpy.Store(self.env)
        self.outcome = Outcome()
        self._random = random.Random(seed)
        self._rate = rate
        self._rule = rule
        self._run_s = run_s
        self._machines = [Machine(self) for _ in range(machines)]
        self._draining: list[Machine] = []
        self._changed_at, self._active_at = -math.inf, 0.0

    def run(self, hours: float) -> Outcome:
        """Users come for so long; then all that waits is still done."""
        end = hours * 3600
        self.env.process(self._users(end))
        self.env.process(self._scaling())
        self.env.run(until=end)
        while self.queue.items:
            self.env.run(until=self.env.now + 60)
        for machine in self._machines:
            machine.drain.succeed()
        self._machines = []
        self._rule = None
        self.env.run(until=self.env.now + 3600)
        return self.outcome

    def _users(self, end: float) -> Events:
        """A Poisson process with a rate that changes slowly against the gaps."""
        mean = math.log(self._run_s) - RUN_SIGMA**2 / 2
        while self.env.now < end:
            yield self.env.timeout(self._random.expovariate(self._rate(self.env.now) / 60))
            self.queue.put((self.env.now, self._random.lognormvariate(mean, RUN_SIGMA)))

    def _scaling(self) -> Events:
        while True:
            if self._rule:
                self._look(self._rule)
            sizes = len(self.queue.items), len(self._machines) + len(self._draining)
            self.outcome.trace.append((self.env.now, *sizes))
            yield self.env.timeout(LOOK_EVERY_S)

    def _look(self, rule: Rule) -> None:
        self._draining = [machine for machine in self._draining if machine.busy]
        state = self._state()
        wanted = decide(state, rule).workers
        if wanted != state.workers:
            self._changed_at = self.env.now
            self.outcome.changes += 1
        while len(self._machines) < wanted:
            self._machines.append(Machine(self))
        while len(self._machines) > wanted:
            self._machines[-1].drain.succeed()
            self._draining.append(self._machines.pop())

    def _state(self) -> State:
        waiting = self.queue.items
        busy = sum(machine.busy for machine in self._machines)
        if waiting or busy:
            self._active_at = self.env.now
        return State(
            waiting=len(waiting),
            busy=busy,
            workers=len(self._machines),
            since_change_s=self.env.now - self._changed_at,
            idle_s=self.env.now - self._active_at,
            oldest_s=self.env.now - waiting[0][0] if waiting else 0.0,
            run_s=self._run_s,
        )


def rules() -> dict[str, tuple[Rule | None, int]]:
    """Name -> rule and the machines that it starts with."""
    small = replace(SMALL, at_most=MOST, late_after_s=None, down_cooldown_s=120.0)
    large = replace(LARGE, at_most=MOST, late_after_s=None)
    return {
        "2 machines": (None, 2),
        "20 machines": (None, 20),
        "small, by one": (one_at_a_time(small), 1),
        "small, sized": (small, 1),
        "large, by one": (one_at_a_time(large), 1),
        "large, sized": (large, 1),
        "default": (replace(LARGE, at_most=MOST), 1),
    }


def steady(users: float) -> Rate:
    return lambda second: users


def day(second: float) -> float:
    """1 user a minute at night, 100 at noon, and a rush within minutes at 18:00."""
    hour = second / 3600
    noon = 99 * max(math.sin(math.pi * (hour - 6) / 12), 0.0) ** 2
    rush = 60 if 18.0 <= hour < 18.5 else 0
    return 1 + noon + rush


def outcomes(rate: Rate, hours: float) -> Iterator[tuple[str, list[Outcome]]]:
    for name, (rule, machines) in rules().items():
        yield name, [Fleet(rate, rule, machines, seed).run(hours) for seed in SEEDS]


def row(name: str, users: object, runs: list[Outcome]) -> list[object]:
    hours = fmean(run.machine_s for run in runs) / 3600
    return [
        users,
        name,
        fmean(run.mean_s for run in runs),
        fmean(run.p95_s for run in runs),
        hours,
        hours * PRICE_PER_HOUR,
        fmean(run.cents_per_video for run in runs),
        fmean(run.changes for run in runs),
    ]


def main() -> None:
    """All rules at all rates, then over a day."""
    columns = ["users/min", "rule", "mean wait s", "p95 s", "machine h", "$", "¢/video", "changes"]
    steadily = {users: dict(outcomes(steady(users), HOURS)) for users in RATES}
    whole = dict(outcomes(day, 24.0))
    every: list[tuple[int | str, dict[str, list[Outcome]]]] = [*steadily.items(), ("day", whole)]
    rows = [
        row(name, users, runs)
        for users, found in every
        for name, runs in found.items()
        if _keeps_up(name, users)
    ]
    report("scaling", columns, rows)
    draw(steadily, whole)


def _keeps_up(name: str, users: float | str) -> bool:
    """Two machines that don't only show how long the simulation was."""
    return name != "2 machines" or (isinstance(users, int) and users * RUN_S / 60 < 2)


def draw(steadily: dict[int, dict[str, list[Outcome]]], whole: dict[str, list[Outcome]]) -> None:
    """Waiting and price by rate above, machines and queue over the day below."""
    figure, ((waits, prices), (machines, queues)) = pyplot.subplots(
        2, 2, figsize=(13, 8), layout="constrained"
    )
    for name in rules():
        seen = [users for users in RATES if _keeps_up(name, users)]
        runs = [steadily[users][name] for users in seen]
        style = "--" if "machines" in name else ":" if "by one" in name else "-"
        waits.plot(seen, [fmean(r.p95_s for r in of) for of in runs], style, marker="o", label=name)
        prices.plot(seen, [fmean(r.cents_per_video for r in of) for of in runs], style, marker="o")
    waits.set(xscale="log", ylabel="95 % start within, s", title="Waiting")
    prices.set(xscale="log", yscale="log", ylabel="cents per video", title="Price")
    for axes in (waits, prices):
        axes.set(xlabel="users a minute", xticks=RATES, xticklabels=[str(r) for r in RATES])
        axes.grid(alpha=0.3)
    waits.legend(fontsize=8)
    for name in ("small, by one", "large, sized", "default"):
        hours, depths, sizes = _by_ten_minutes(whole[name][0].trace)
        queues.plot(hours, depths, lw=1, label=name)
        machines.plot(hours, sizes, lw=1, label=name)
    needed = [day(second) * RUN_S / 60 for second in range(0, 86_400, 60)]
    machines.plot([minute / 60 for minute in range(1440)], needed, "k", lw=1, label="kept busy")
    machines.set(ylabel="machines", title="A day from 1 to 100 users a minute, a rush at 18:00")
    queues.set(ylabel="videos waiting", title="The longest queue in ten minutes of that day")
    for axes in (machines, queues):
        axes.set(xlabel="hour", xlim=(0, 24), xticks=range(0, 25, 3))
        axes.grid(alpha=0.3)
        axes.legend(fontsize=8)
    PICTURE.parent.mkdir(exist_ok=True)
    figure.savefig(PICTURE, dpi=90)


def _by_ten_minutes(
    trace: list[tuple[float, int, int]],
) -> tuple[list[float], list[int], list[float]]:
    """Hour, longest queue and mean machines of each ten minutes."""
    every = int(600 / LOOK_EVERY_S)
    parts = [trace[first : first + every] for first in range(0, len(trace), every)]
    return (
        [part[0][0] / 3600 for part in parts],
        [max(waiting for _, waiting, _ in part) for part in parts],
        [fmean(machines for _, _, machines in part) for part in parts],
    )


if __name__ == "__main__":
    main()
