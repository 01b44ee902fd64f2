"""How many workers a pool should have: a pure function of what is seen and of one rule.

The pool grows when more runs wait than the rule allows, by as many workers as clear them in the
time it names. It shrinks once hardly any wait, the cooldown has passed, and what is left still has
room to spare. It goes to nothing only when nothing waits or runs, and that for a while.
"""

import math
from dataclasses import dataclass, replace

from models.errors import InvalidRequest

LARGE_FROM_USERS = 50


@dataclass(frozen=True)
class Rule:
    """Defaults come from tests/perf/simulate_scaling.py; see technical_analysis.md."""

    up_above: int = 10  # waiting runs
    down_below: int = 2  # waiting runs
    at_least: int = 0  # workers, always
    warm: int = 1  # workers, until the pool has been idle for `idle_to_zero_s`
    at_most: int = 8  # workers, always
    idle_to_zero_s: float = 900.0
    up_cooldown_s: float = 30.0  # after any change
    down_cooldown_s: float = 300.0  # after any change
    clear_in_s: float = 60.0  # a step up is as large as it takes to clear the queue in this time
    late_after_s: float | None = 15.0  # a run that waits longer counts as a full queue
    step_up: int = 8  # workers added at once, at most
    spare: float = 0.25  # part of the pool that must stay free after a step down
    slots: int = 1  # runs that one worker takes at once
    run_s: float = 8.0  # seconds per run, where nothing has been measured yet

    def __post_init__(self) -> None:
        if not 0 <= self.at_least <= self.warm <= self.at_most or self.at_most < 1:
            raise InvalidRequest(
                f"bounds {self.at_least}, {self.warm}, {self.at_most} are out of order: "
                "give 0 <= at_least <= warm <= at_most, and at_most of 1 or more"
            )
        if not 0 < self.down_below <= self.up_above:
            raise InvalidRequest(
                f"down_below {self.down_below} does not lie in 1 to up_above {self.up_above}: "
                "pools would grow and shrink at once"
            )
        for name in ("clear_in_s", "run_s", "slots", "step_up"):
            if getattr(self, name) <= 0:
                raise InvalidRequest(f"{name} is {getattr(self, name)}: give more than 0")
        if not 0 <= self.spare < 1:
            raise InvalidRequest(f"spare is {self.spare}: give a part of the pool, 0 to below 1")


@dataclass(frozen=True)
class State:
    """A pool at one moment."""

    waiting: int  # runs that are due and not started
    busy: int  # runs that a worker holds
    workers: int  # started or starting, without those that drain
    since_change_s: float = math.inf  # since the number of workers was last changed
    idle_s: float = 0.0  # since a run last waited or ran
    oldest_s: float = 0.0  # how long the oldest waiting run has been due
    run_s: float | None = None  # measured seconds per run


@dataclass(frozen=True)
class Decision:
    workers: int
    reason: str


SMALL = Rule()
LARGE = Rule(down_below=3, down_cooldown_s=300.0, at_most=32)


def rule_for(users: int) -> Rule:
    """The profile for so many users at once."""
    return LARGE if users >= LARGE_FROM_USERS else SMALL


def one_at_a_time(rule: Rule) -> Rule:
    """The same thresholds without sizing: each step up is one worker."""
    return replace(rule, step_up=1)


def decide(state: State, rule: Rule) -> Decision:
    """The number of workers wanted now, within the rule's bounds, and why."""
    floor, why = _floor(state, rule)
    if state.workers < floor:
        return Decision(floor, why)
    if state.workers > rule.at_most:
        return Decision(rule.at_most, f"at most {rule.at_most} workers are allowed")
    if _crowded(state, rule):
        return _grow(state, rule)
    if state.waiting < rule.down_below:
        return _shrink(state, rule, floor, why)
    return Decision(state.workers, f"{state.waiting} waiting: neither many nor few")


def _floor(state: State, rule: Rule) -> tuple[int, str]:
    if state.waiting or state.busy:
        return max(rule.warm, 1), f"there is work: at least {max(rule.warm, 1)}"
    if state.idle_s < rule.idle_to_zero_s:
        kept = max(rule.warm, min(state.workers, 1))
        return kept, f"{kept} kept warm"
    return rule.at_least, f"idle for {state.idle_s:.0f} s: down to {rule.at_least}"


def _crowded(state: State, rule: Rule) -> bool:
    late = rule.late_after_s is not None and state.oldest_s > rule.late_after_s
    return state.waiting > rule.up_above or (late and state.waiting > 0)


def _grow(state: State, rule: Rule) -> Decision:
    if state.workers == rule.at_most:
        return Decision(
            state.workers, f"{state.waiting} waiting, all {rule.at_most} workers are on"
        )
    if state.since_change_s < rule.up_cooldown_s:
        return Decision(state.workers, f"{state.waiting} waiting, changed a moment ago")
    run_s = state.run_s or rule.run_s
    needed = math.ceil((state.waiting + state.busy) * run_s / (rule.clear_in_s * rule.slots))
    step = min(max(needed - state.workers, 1), rule.step_up)
    wanted = min(state.workers + step, rule.at_most)
    return Decision(wanted, f"{state.waiting} waiting at {run_s:.1f} s each: up to {wanted}")


def _shrink(state: State, rule: Rule, floor: int, why: str) -> Decision:
    """Half of what is too many goes at once: a lull is not yet the end."""
    if state.since_change_s < rule.down_cooldown_s:
        return Decision(state.workers, f"{state.waiting} waiting, cooling down")
    kept = max(floor, _with_room(state, rule))
    if kept >= state.workers:
        return Decision(state.workers, f"{state.waiting} waiting, {state.busy} busy: none to spare")
    if not state.waiting and not state.busy and state.idle_s >= rule.idle_to_zero_s:
        return Decision(kept, why)
    wanted = state.workers - math.ceil((state.workers - kept) / 2)
    return Decision(wanted, f"{state.waiting} waiting, {state.busy} busy: down to {wanted}")


def _with_room(state: State, rule: Rule) -> int:
    """Workers that hold all there is with the rule's part of them free."""
    return math.ceil((state.waiting + state.busy) / (rule.slots * (1 - rule.spare)))
