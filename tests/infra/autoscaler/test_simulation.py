"""The simulation itself: it must know what queueing theory knows, and lose nobody."""

import math
from dataclasses import replace

import pytest

from infra.autoscaler.rules import SMALL
from tests.perf.simulate_scaling import LOOK_EVERY_S, RUN_S, RUN_SIGMA, Fleet, steady


def test_one_machine_waits_as_pollaczek_and_khinchine_say() -> None:
    load = 0.5
    second_moment = RUN_S**2 * math.exp(RUN_SIGMA**2)
    expected = load / RUN_S * second_moment / (2 * (1 - load))
    found = Fleet(steady(load / RUN_S * 60), None, machines=1, seed=1).run(hours=100)
    assert found.mean_s == pytest.approx(expected, rel=0.1)  # 22,000 users, within 10 %


def test_everyone_is_served_while_machines_come_and_go() -> None:
    came = Fleet(steady(20), None, machines=20, seed=7).run(hours=2)
    scaled = Fleet(steady(20), SMALL, machines=1, seed=7).run(hours=2)
    assert scaled.changes > 10
    assert len(scaled.waits_s) == len(came.waits_s)  # the same seed brings the same users


def test_machines_stay_within_the_bound() -> None:
    few = replace(SMALL, at_most=3)
    trace = Fleet(steady(60), few, machines=1, seed=1).run(hours=0.5).trace
    assert max(machines for _, _, machines in trace) == 3
    assert trace[1][0] - trace[0][0] == LOOK_EVERY_S
