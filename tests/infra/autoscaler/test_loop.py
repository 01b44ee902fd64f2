"""The loop, with a clock that the test turns."""

import threading
from dataclasses import replace

import pytest

from infra.autoscaler.depth import Demand
from infra.autoscaler.loop import Autoscaler
from infra.autoscaler.rules import SMALL, Decision, State
from models.errors import AvatarError, ServiceUnavailable

RULE = replace(SMALL, warm=0, up_cooldown_s=30, down_cooldown_s=120, idle_to_zero_s=600)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


class Pool:
    """Queue, driver and watcher in one."""

    def __init__(self) -> None:
        self.asked = Demand(0, 0)
        self.error: AvatarError | None = None
        self.stuck: AvatarError | None = None
        self.workers = 0
        self.wanted: list[int] = []
        self.states: list[State] = []
        self.errors: list[str] = []
        self.measured = 0

    def demand(self) -> Demand:
        if self.error:
            raise self.error
        return self.asked

    def run_s(self) -> float | None:
        self.measured += 1
        return 12.0

    def current(self) -> int:
        return self.workers

    def scale_to(self, workers: int) -> None:
        if self.stuck:
            raise self.stuck
        self.wanted.append(workers)
        self.workers = workers

    def seen(self, state: State, decision: Decision) -> None:
        self.states.append(state)

    def failed(self, error: AvatarError) -> None:
        self.errors.append(error.code)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def pool() -> Pool:
    return Pool()


@pytest.fixture
def scaler(pool: Pool, clock: Clock) -> Autoscaler:
    return Autoscaler(pool, pool, RULE, watcher=pool, clock=clock)


def test_a_queue_is_answered_and_later_forgotten(
    scaler: Autoscaler, pool: Pool, clock: Clock
) -> None:
    pool.asked = Demand(40, 0)
    scaler.look()
    clock.now = 30.0
    scaler.look()
    assert pool.workers == 8
    pool.asked = Demand(0, 0)
    for clock.now in range(40, 1200, 10):
        scaler.look()
    assert pool.workers == 0
    assert pool.wanted[1:] == sorted(pool.wanted[1:], reverse=True)


def test_an_error_never_takes_a_worker_away(scaler: Autoscaler, pool: Pool, clock: Clock) -> None:
    pool.workers = 5
    pool.error = ServiceUnavailable("Prefect is away")
    for clock.now in range(0, 10_000, 100):
        assert scaler.look() is None
    assert pool.workers == 5
    assert set(pool.errors) == {"service_unavailable"}


def test_time_without_sight_counts_as_idle_only_once_seen(
    scaler: Autoscaler, pool: Pool, clock: Clock
) -> None:
    pool.workers, pool.asked = 1, Demand(0, 1)
    scaler.look()
    clock.now, pool.error = 599.0, ServiceUnavailable("away")
    scaler.look()
    pool.error, pool.asked = None, Demand(0, 0)
    scaler.look()
    assert pool.workers == 1


def test_a_driver_that_fails_is_asked_again_without_a_cooldown(
    scaler: Autoscaler, pool: Pool
) -> None:
    pool.asked, pool.stuck = Demand(3, 0), ServiceUnavailable("no machines")
    assert scaler.look() is None
    pool.stuck = None
    scaler.look()
    assert pool.workers == 1
    assert pool.states[-1].since_change_s == float("inf")


def test_the_driver_is_called_at_every_look(scaler: Autoscaler, pool: Pool) -> None:
    scaler.look()
    scaler.look()
    assert pool.wanted == [0, 0]


def test_the_pace_is_measured_once_a_minute(scaler: Autoscaler, pool: Pool, clock: Clock) -> None:
    for clock.now in range(0, 120, 5):
        scaler.look()
    assert pool.measured == 2
    assert pool.states[-1].run_s == 12.0


def test_the_loop_ends_when_told(scaler: Autoscaler, pool: Pool) -> None:
    stop = threading.Event()
    thread = threading.Thread(target=scaler.run, args=(stop, 0.001))
    thread.start()
    stop.set()
    thread.join(timeout=10)
    assert not thread.is_alive()
