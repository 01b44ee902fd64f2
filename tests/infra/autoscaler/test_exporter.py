"""What KEDA, Prometheus and CloudWatch read, over HTTP."""

from collections.abc import Iterator

import httpx
import pytest

from infra.autoscaler.exporter import STALE_AFTER_S, Exporter
from infra.autoscaler.rules import Decision, State
from models.errors import ServiceUnavailable, SetupError


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def exporter(clock: Clock) -> Iterator[Exporter]:
    with Exporter("gpu", ("127.0.0.1", 0), clock) as exporter:
        exporter.seen(State(12, 3, workers=3, oldest_s=41.5), Decision(5, "12 waiting"))
        yield exporter


def get(exporter: Exporter, path: str) -> httpx.Response:
    return httpx.get(f"http://127.0.0.1:{exporter.port}{path}")


def test_keda_reads_the_wanted_number_as_json(exporter: Exporter) -> None:
    answer = get(exporter, "/scale")
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == {
        "pool": "gpu",
        "waiting": 12,
        "busy": 3,
        "oldest_s": 41.5,
        "workers": 3,
        "desired": 5,
        "reason": "12 waiting",
    }


def test_prometheus_reads_all_numbers(exporter: Exporter) -> None:
    lines = get(exporter, "/metrics").text.splitlines()
    assert {
        'avatar_pool_waiting_runs{pool="gpu"} 12.0',
        'avatar_pool_busy_runs{pool="gpu"} 3.0',
        'avatar_pool_oldest_waiting_seconds{pool="gpu"} 41.5',
        'avatar_pool_workers{pool="gpu"} 3.0',
        'avatar_pool_desired_workers{pool="gpu"} 5.0',
        'avatar_pool_up{pool="gpu"} 1.0',
    } <= set(lines)


def test_after_a_failure_no_old_number_is_served(exporter: Exporter) -> None:
    exporter.failed(ServiceUnavailable("Prefect is away"))
    assert get(exporter, "/scale").status_code == 503
    assert get(exporter, "/healthz").status_code == 503
    text = get(exporter, "/metrics").text
    assert 'avatar_pool_up{pool="gpu"} 0.0' in text
    assert 'avatar_pool_desired_workers{pool="gpu"}' not in text
    assert 'avatar_pool_failed_looks_total{code="service_unavailable",pool="gpu"} 1.0' in text


def test_a_loop_that_hangs_is_not_healthy(exporter: Exporter, clock: Clock) -> None:
    assert get(exporter, "/healthz").status_code == 200
    clock.now = STALE_AFTER_S + 1
    assert get(exporter, "/healthz").status_code == 503


def test_another_path_names_those_there_are(exporter: Exporter) -> None:
    answer = get(exporter, "/")
    assert answer.status_code == 404
    assert "/metrics" in answer.text


def test_a_port_that_is_taken_is_named(exporter: Exporter) -> None:
    with pytest.raises(SetupError, match=f"127.0.0.1:{exporter.port}.*another port"):
        Exporter("gpu", ("127.0.0.1", exporter.port))
