"""Two pools, the deployments of a video, and workers in processes of their own."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterParentFlowRunId
from prefect.client.schemas.objects import FlowRun

from infra.pools import PoolSettings, make_pools

CPU, GPU, IDLE = "cpu-here", "gpu-here", "nobody-here"
PRELOAD = ["tests.flows.odd_renderers:install", "tasks.loaded:preload"]
SEGMENTS = "render-segment/here"
ROOT = Path(__file__).resolve().parents[2]

T = TypeVar("T")


def deploy(client: SyncPrefectClient, preload: list[str] = PRELOAD) -> None:
    for cpu, gpu in ((CPU, GPU), (IDLE, IDLE)):
        make_pools(client, PoolSettings(cpu=cpu, gpu=gpu, preload=preload))
    deploy_one(client, "avatar-video", CPU)
    deploy_one(client, "render-segment", GPU)
    deploy_one(client, "render-segment", IDLE, name="nowhere")
    deploy_one(client, "render-segment", GPU, name="brief", job_variables={"timeout_s": 2})


def deploy_one(
    client: SyncPrefectClient,
    flow: str,
    pool: str,
    name: str = "here",
    job_variables: dict[str, Any] | None = None,
) -> None:
    module = flow.replace("-", "_")
    client.create_deployment(
        client.create_flow_from_name(flow),
        name,
        version="1",
        entrypoint=f"flows.{module}.{module}",
        work_pool_name=pool,
        work_queue_name="default",
        job_variables=job_variables,
        parameter_openapi_schema={"type": "object", "properties": {}},
    )


@contextmanager
def worker(pool: str, log: Path, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
    """A warm worker with one child; all of it is gone after the block."""
    changes = {
        "CUDA_VISIBLE_DEVICES": "",
        "PREFECT_WORKER_QUERY_SECONDS": "0.2",
        "PREFECT_LOGGING_LEVEL": "INFO",
        "PREFECT_LOGGING_TO_API_ENABLED": "false",
        "AVATAR_WORKER_DRAIN_S": "1",
    }
    command = [sys.executable, "-m", "prefect", "worker", "start", "--pool", pool]
    with log.open("ab") as out:
        process = subprocess.Popen(
            command, env=os.environ | changes | environment, stdout=out, stderr=out, cwd=ROOT
        )
        try:
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(30)
            finally:
                process.kill()
                process.wait()


def eventually(look: Callable[[], T | None], within_s: float = 60) -> T:
    until = time.monotonic() + within_s
    while (found := look()) is None:
        assert time.monotonic() < until, f"not within {within_s} s"
        time.sleep(0.1)
    return found


def ended(client: SyncPrefectClient, run: UUID, within_s: float = 120) -> FlowRun:
    def final() -> FlowRun | None:
        now = client.read_flow_run(run)
        crashed = now.state is not None and now.state.is_crashed()  # perhaps to be tried again
        return now if now.state is not None and now.state.is_final() and not crashed else None

    return eventually(final, within_s)


def subruns(client: SyncPrefectClient, parent: UUID) -> list[FlowRun]:
    mine = FlowRunFilterParentFlowRunId(any_=[parent])
    return client.read_flow_runs(flow_run_filter=FlowRunFilter(parent_flow_run_id=mine))
