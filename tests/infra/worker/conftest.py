"""A pool, a tiny flow deployed to it, and a worker in a process of its own."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

import pytest
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.client.schemas.objects import FlowRun

from infra.worker.worker import WarmProcessWorker
from tests.prefect_here import prefect_server

__all__ = ["prefect_server"]

T = TypeVar("T")
POOL = "warm"
LOGGING = Path(__file__).resolve().parents[3] / "infra" / "worker" / "logging.yaml"
SET_FOLDER = "prefect.deployments.steps.set_working_directory"
FLOW = """
import ctypes, logging, os, signal, threading, time
from pathlib import Path
from prefect import flow
from prefect.logging import get_run_logger
from models.tally import rendered

@flow(name="tiny", persist_result=False)
def tiny(folder: str, do: str = "nothing"):
    seen = Path(folder, "pids")
    first = not seen.exists()
    with seen.open("a") as file:
        file.write(f"{os.getpid()}\\n")
    get_run_logger().info("a word from the child")
    logging.getLogger("models.anything").info("a word from below")
    thread = threading.Thread(target=logging.getLogger("models").warning, args=("from a thread",))
    thread.start()
    thread.join()
    if do == "die-once" and first:
        os.kill(os.getpid(), signal.SIGKILL)
    if do == "count":
        rendered("mesh", "cpu", frames=250, seconds=2.0)
    if do == "raise":
        raise ValueError("on purpose")
    if do.startswith("sleep"):
        time.sleep(float(do.split()[1]))
    if do == "native":
        ctypes.PyDLL(None).sleep(60)  # holds the interpreter: no signal reaches Python
"""


class Stage:
    """What the tests do with the server."""

    def __init__(self, client: SyncPrefectClient, deployment: UUID, folder: Path) -> None:
        self.client, self.deployment, self.folder = client, deployment, folder
        self._made = 0

    def ask(self, do: str, *tags: str) -> tuple[UUID, Path]:
        """The run, and the folder that it leaves its process ids in."""
        self._made += 1
        seen = self.folder / str(self._made)
        seen.mkdir()
        parameters = {"folder": str(seen), "do": do}
        run = self.client.create_flow_run_from_deployment(
            self.deployment, parameters=parameters, tags=tags
        )
        return run.id, seen

    def until(self, run: UUID, state: str, within_s: float = 30) -> FlowRun:
        return eventually(lambda: self._in_state(run, state), within_s)

    def finish(self, do: str) -> tuple[FlowRun, list[int]]:
        run, seen = self.ask(do)
        done = eventually(lambda: self._final(run), 30)
        return done, pids(seen)

    def _in_state(self, run: UUID, state: str) -> FlowRun | None:
        now = self.client.read_flow_run(run)
        return now if now.state is not None and now.state.name == state else None

    def _final(self, run: UUID) -> FlowRun | None:
        now = self.client.read_flow_run(run)
        return now if now.state is not None and now.state.is_final() else None


def pids(folder: Path) -> list[int]:
    return [int(line) for line in (folder / "pids").read_text().split()]


def eventually(look: Callable[[], T | None], within_s: float) -> T:
    until = time.monotonic() + within_s
    while (found := look()) is None:
        assert time.monotonic() < until, f"not within {within_s} s"
        time.sleep(0.1)
    return found


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@pytest.fixture(scope="module")
def stage(prefect_server: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp("warm")
    (folder / "tiny.py").write_text(FLOW)
    template: dict[str, Any] = WarmProcessWorker.get_default_base_job_template()
    with get_client(sync_client=True) as client:
        pool = WorkPoolCreate(name=POOL, type="warm-process", base_job_template=template)
        client.create_work_pool(pool, overwrite=True)
        deployment = client.create_deployment(
            client.create_flow_from_name("tiny"),
            "here",
            version="1",
            entrypoint="tiny.py:tiny",
            pull_steps=[{SET_FOLDER: {"directory": str(folder)}}],
            work_pool_name=POOL,
            parameter_openapi_schema={"type": "object", "properties": {}},
        )
        yield Stage(client, deployment, folder)


def start_worker(port: int, log: Path | None = None) -> subprocess.Popen[bytes]:
    """With a `log`, its lines go there, as those of an image do."""
    changes = {
        "AVATAR_WORKER_PORT": str(port),
        "CUDA_VISIBLE_DEVICES": "",
        "PREFECT_LOGGING_TO_API_ENABLED": "true",
        "PREFECT_LOGGING_LEVEL": "INFO",
        "PREFECT_WORKER_QUERY_SECONDS": "0.3",
    }
    if log is not None:
        changes["PREFECT_LOGGING_SETTINGS_PATH"] = str(LOGGING)
    with log.open("ab") if log else nullcontext() as lines:
        return subprocess.Popen(
            [sys.executable, "-m", "prefect", "worker", "start", "--pool", POOL],
            env=os.environ | changes,
            stderr=lines,
        )


@pytest.fixture(scope="module")
def port(stage: Stage) -> Iterator[int]:
    """Where the worker of these tests answers."""
    port = free_port()
    worker = start_worker(port)
    yield port
    worker.send_signal(signal.SIGTERM)
    try:
        worker.wait(15)
    finally:
        worker.kill()
