"""Depth and pace of a pool, as Prefect's API tells them."""

import socket
from datetime import UTC, datetime
from typing import Protocol

import httpx
import pytest

from infra.autoscaler.depth import BUSY, MOST_RUNS, WORKER_LABEL, Demand, PrefectQueue
from models.errors import InvalidRequest, ServiceRefused, ServiceUnavailable

NOW = datetime(2026, 1, 1, 0, 1, 0, tzinfo=UTC)


class Prefect(Protocol):
    calls: list[tuple[str, str]]
    fails_with: int | None
    workers: list[dict[str, str]]

    def add(self, state: str, pool: str = "gpu", **fields: object) -> None: ...


@pytest.fixture
def queue(client: httpx.Client) -> PrefectQueue:
    return PrefectQueue(client, "gpu", now=lambda: NOW)


def test_what_is_due_waits_and_what_is_held_is_busy(
    prefect_here: Prefect, queue: PrefectQueue
) -> None:
    for state in ("SCHEDULED", "SCHEDULED", *BUSY, "COMPLETED", "FAILED", "PAUSED"):
        prefect_here.add(state)
    prefect_here.add("SCHEDULED", next_scheduled_start_time="2026-01-01T00:02:00Z")
    prefect_here.add("SCHEDULED", pool="cpu")
    assert queue.demand() == Demand(waiting=2, busy=3, oldest_s=60.0)


def test_an_empty_pool_costs_two_calls(prefect_here: Prefect, queue: PrefectQueue) -> None:
    assert queue.demand() == Demand(0, 0)
    assert prefect_here.calls == [("POST", "/api/flow_runs/count")] * 2


def test_the_oldest_run_sets_the_age(prefect_here: Prefect, queue: PrefectQueue) -> None:
    prefect_here.add("SCHEDULED", next_scheduled_start_time="2026-01-01T00:00:50Z")
    prefect_here.add("SCHEDULED", next_scheduled_start_time="2026-01-01T00:00:20+00:00")
    assert queue.demand().oldest_s == 40.0


def test_a_turn_given_in_the_past_makes_no_run_old(
    prefect_here: Prefect, queue: PrefectQueue
) -> None:
    turn = "2025-12-31T20:00:00.000002Z"
    prefect_here.add("SCHEDULED", created="2026-01-01T00:00:30Z", next_scheduled_start_time=turn)
    prefect_here.add("SCHEDULED", created="2026-01-01T00:00:55Z", next_scheduled_start_time=turn)
    assert queue.demand().oldest_s == 30.0


def test_a_run_that_waits_behind_others_may_be_the_oldest(
    prefect_here: Prefect, queue: PrefectQueue
) -> None:
    for made, turn in (("10", "000009"), ("40", "000001"), ("50", "000002")):
        prefect_here.add(
            "SCHEDULED",
            created=f"2026-01-01T00:00:{made}Z",
            next_scheduled_start_time=f"2026-01-01T00:00:00.{turn}Z",
        )
    assert queue.demand().oldest_s == 50.0


def test_the_pace_is_the_mean_of_completed_runs(prefect_here: Prefect, queue: PrefectQueue) -> None:
    assert queue.run_s() is None
    prefect_here.add("COMPLETED", total_run_time=4.0)
    prefect_here.add("COMPLETED", total_run_time=8.0)
    prefect_here.add("FAILED", total_run_time=100.0)
    assert queue.run_s() == 6.0


def test_busy_workers_are_found_on_every_page(prefect_here: Prefect, queue: PrefectQueue) -> None:
    for number in range(MOST_RUNS + 3):
        prefect_here.add("RUNNING", labels={WORKER_LABEL: f"i-{number}"})
    prefect_here.add("PENDING")
    assert queue.busy_workers() == {f"i-{number}" for number in range(MOST_RUNS + 3)}


def test_a_pool_that_is_not_there_is_named(client: httpx.Client) -> None:
    PrefectQueue(client, "gpu").check()
    with pytest.raises(InvalidRequest, match="no work pool 'gpus'"):
        PrefectQueue(client, "gpus").check()


@pytest.mark.parametrize(
    ("status", "kind", "remedy"),
    [
        (503, ServiceUnavailable, "log"),
        (401, ServiceRefused, "PREFECT_API_AUTH_STRING"),
        (404, ServiceRefused, "ends in /api"),
        (422, ServiceRefused, "422"),
    ],
)
def test_a_refusal_says_what_to_do(
    prefect_here: Prefect, queue: PrefectQueue, status: int, kind: type[Exception], remedy: str
) -> None:
    prefect_here.fails_with = status
    with pytest.raises(kind, match=remedy):
        queue.demand()


def test_a_server_that_is_away_is_named() -> None:
    with socket.socket() as taken:  # bound, not listening: nobody else can answer there
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/api"
        with (
            httpx.Client(base_url=url) as client,
            pytest.raises(ServiceUnavailable, match=r"127\.0\.0\.1.*does not answer.*start"),
        ):
            PrefectQueue(client, "gpu").demand()


def test_workers_that_fell_silent_are_not_counted(
    prefect_here: Prefect, queue: PrefectQueue
) -> None:
    prefect_here.workers = [{"status": "ONLINE"}, {"status": "OFFLINE"}, {"status": "ONLINE"}]
    assert queue.online_workers() == 2


def test_the_last_good_end_of_a_flow_is_found(prefect_here: Prefect, queue: PrefectQueue) -> None:
    assert queue.last_completed("backup-models") is None
    prefect_here.add("COMPLETED", flow="backup-models", end_time="2026-01-01T00:00:30Z")
    assert queue.last_completed("backup-models") == datetime(2026, 1, 1, 0, 0, 30, tzinfo=UTC)
