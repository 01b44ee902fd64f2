"""The driver of this machine with warm workers on a real server: start, run, drain."""

import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.objects import StateType

from infra.autoscaler.drivers.processes import WorkerProcesses
from infra.autoscaler.drivers.worker_process import started_at
from infra.pools import PoolSettings, make_pools
from tests.orchestra import eventually
from tests.prefect_here import prefect_server

__all__ = ["prefect_server"]

POOL = "scaled"
FLOW = """
import time
from prefect import flow

@flow(name="slow", persist_result=False)
def slow(seconds: float):
    time.sleep(seconds)
"""


@pytest.fixture
def client(prefect_server: None) -> Iterator[SyncPrefectClient]:
    with get_client(sync_client=True) as client:
        yield client


@pytest.fixture
def workers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[WorkerProcesses]:
    monkeypatch.setenv("AVATAR_WORKER_POLL_S", "0.1")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    command = f"{shlex.quote(sys.executable)} -m prefect worker start --pool {POOL}"
    with WorkerProcesses(
        shlex.split(command), drain_s=60, log=tmp_path / "log", folder=tmp_path / "memory"
    ) as workers:
        yield workers


def test_a_worker_starts_runs_and_finishes_while_it_drains(
    client: SyncPrefectClient, workers: WorkerProcesses, tmp_path: Path
) -> None:
    (tmp_path / "slow.py").write_text(FLOW)
    make_pools(client, PoolSettings(cpu=POOL, gpu=POOL, preload=[]))
    deployment = client.create_deployment(
        client.create_flow_from_name("slow"),
        "here",
        version="1",
        entrypoint="slow.py:slow",
        pull_steps=[
            {"prefect.deployments.steps.set_working_directory": {"directory": str(tmp_path)}}
        ],
        work_pool_name=POOL,
        parameter_openapi_schema={"type": "object", "properties": {}},
    )
    run, waits = (
        client.create_flow_run_from_deployment(deployment, parameters={"seconds": seconds}).id
        for seconds in (3.0, 0.0)
    )

    def state(of: object) -> StateType | None:
        return client.read_flow_run(of).state_type  # type: ignore[arg-type]

    workers.scale_to(1)
    (pid,) = workers.pids
    eventually(lambda: state(run) is StateType.RUNNING or None, 40)
    workers.scale_to(0)
    assert (workers.current(), workers.draining) == (0, 1)

    def gone() -> bool | None:
        workers.scale_to(0)
        return workers.draining == 0 or None

    eventually(gone, 40)
    assert started_at(pid) is None
    assert state(run) is StateType.COMPLETED
    assert state(waits) is StateType.SCHEDULED
