"""What is killed, stopped, stuck or away: a run still ends, and leaves nothing behind.

Server, worker and children are real processes; the flow only does what the fault needs.
"""

import os
import signal
import sqlite3
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import pytest
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.objects import FlowRun

from infra.pools import PoolSettings, make_pools
from tests.orchestra import (
    Server,
    alive,
    descendants,
    ended,
    eventually,
    server_in,
    states,
    until,
    worker_for,
)

POOL = "faulty"
QUICK = {"AVATAR_WORKER_SIGN_S": "0.3", "AVATAR_WORKER_LOST_S": "3", "AVATAR_WORKER_HANG_S": "3"}
LIMITS = ("memory.limit_in_bytes", "memory.max")
FLOW = """
import ctypes, os, signal, tempfile, time
from pathlib import Path
from prefect import flow

@flow(name="faulty", persist_result=False)
def faulty(folder: str, do: str, always: bool = False):
    place = Path(folder)
    first = not (place / "pids").exists()
    with (place / "pids").open("a") as file:
        file.write(f"{os.getpid()}\\n")
    tempfile.mkstemp()
    if not (first or always):
        return
    if do == "segv":
        os.kill(os.getpid(), signal.SIGSEGV)
    if do == "stop":
        os.kill(os.getpid(), signal.SIGSTOP)
    if do == "eat":
        held = [bytearray(1 << 20) for _ in range(800)]
        time.sleep(30)
    if do == "address-space":
        import resource
        resource.setrlimit(resource.RLIMIT_AS, (1 << 30, resource.RLIM_INFINITY))
        bytearray(2 << 30)
    if do == "native":
        ctypes.PyDLL(None).sleep(60)
    if do.startswith("sleep"):
        time.sleep(float(do.split()[1]))
"""


@dataclass
class Scene:
    server: Server
    client: SyncPrefectClient
    deployment: UUID
    folder: Path
    made: int = 0

    def ask(self, do: str, job: dict[str, object] | None = None, **more: object) -> UUID:
        self.made += 1
        self.place.mkdir()
        parameters = {"folder": str(self.place), "do": do, **more}
        run = self.client.create_flow_run_from_deployment(
            self.deployment, parameters=parameters, job_variables=job or {}
        )
        return run.id

    @property
    def place(self) -> Path:
        return self.folder / str(self.made)

    def pids(self) -> list[int]:
        """Of the last run's attempts."""
        file = self.place / "pids"
        return [int(line) for line in file.read_text().split()] if file.exists() else []

    def begun(self) -> int:
        return eventually(lambda: self.pids()[-1] if self.pids() else None, 30)

    def ended(self, run: UUID, within_s: float = 40) -> FlowRun:
        return ended(self.client, run, within_s)

    def nothing_left(self) -> bool:
        """No folder of a run: in the place of a worker that serves there is its lock alone."""
        return eventually(lambda: not self.temporary() or None, 15, self.temporary)

    def temporary(self) -> list[Path]:
        return [path for path in (self.server.home / "tmp").glob("*/*") if path.name != ".lock"]

    def left_by(self, pids: list[int]) -> bool:
        """Nothing: neither these processes nor a temporary folder."""
        return gone(pids) and self.nothing_left()


class Serving:
    """A worker that is there when a test wants it, and not when another wants its own."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._stack = ExitStack()
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "Serving":
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def begin(self) -> "subprocess.Popen[bytes]":
        if self._process is None:
            self._process = self._stack.enter_context(worker_for(self._server, POOL, QUICK))
        return self._process

    def end(self) -> None:
        below = descendants(self._process.pid) if self._process else []
        self._stack.close()
        self._process = None
        assert gone(below)


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    home = tmp_path_factory.mktemp("faults")
    (home / "faulty.py").write_text(FLOW)
    with server_in(home) as server, server.client() as client:
        make_pools(client, PoolSettings(cpu=POOL, gpu=POOL, preload=[]))
        deployment = client.create_deployment(
            client.create_flow_from_name("faulty"),
            "here",
            version="1",
            entrypoint="faulty.py:faulty",
            path=str(home),
            work_pool_name=POOL,
            parameter_openapi_schema={"type": "object", "properties": {}},
        )
        yield Scene(server, client, deployment, home)


@pytest.fixture(scope="module")
def serving(scene: Scene) -> Iterator[Serving]:
    with Serving(scene.server) as serving:
        yield serving


@pytest.fixture
def worker(scene: Scene, serving: Serving) -> Iterator[None]:
    """One for all faults that it outlives; afterwards its child is the only one, and idle."""
    process = serving.begin()
    yield
    assert alive(process.pid)
    assert scene.nothing_left()
    eventually(lambda: len(descendants(process.pid)) <= 1 or None, 15)


@pytest.fixture
def cramped() -> Iterator[Path]:
    """A control group whose processes get 300 MB more, together; then the kernel kills."""
    tops = (Path("/sys/fs/cgroup/memory"), Path("/sys/fs/cgroup"))  # versions 1 and 2
    group = next((top for top in tops if top.is_dir()), tops[1]) / f"avatar-{os.getpid()}"
    try:
        group.mkdir()
        limit = next(group / name for name in LIMITS if (group / name).exists())
        limit.write_text(str(300 << 20))
    except (OSError, StopIteration):
        pytest.skip("needs a control group for memory that may be written")
    yield group
    eventually(lambda: not (group / "cgroup.procs").read_text() or None, 15)
    group.rmdir()


@pytest.fixture
def alone(serving: Serving) -> None:
    """For a test with workers of its own."""
    serving.end()


def gone(pids: list[int], within_s: float = 15) -> bool:
    return eventually(lambda: not any(alive(pid) for pid in pids) or None, within_s)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV])
def test_a_killed_child_s_run_is_tried_once_more(
    scene: Scene, worker: None, number: signal.Signals
) -> None:
    run = scene.ask("sleep 30")
    os.kill(scene.begun(), number)
    assert scene.ended(run).state_name == "Completed"
    assert states(scene.client, run).count("Crashed") == 1
    assert len(set(scene.pids())) == 2
    assert scene.left_by(scene.pids()[:1])


def test_a_run_that_kills_every_process_ends_crashed_with_the_reason(
    scene: Scene, worker: None
) -> None:
    run = scene.ended(scene.ask("segv", always=True))
    assert run.state_name == "Crashed"
    assert run.state is not None
    assert "SIGSEGV" in str(run.state.message)
    assert len(scene.pids()) == 2
    assert scene.left_by(scene.pids())


def test_a_child_above_its_memory_limit_is_killed(scene: Scene, worker: None) -> None:
    run = scene.ended(scene.ask("eat", {"memory_limit_mb": 600}, always=True), 60)
    assert run.state_name == "Crashed"
    assert run.state is not None
    assert "more than 600" in str(run.state.message)
    assert scene.left_by(scene.pids())


def test_a_child_that_the_kernel_kills_for_memory_is_tried_elsewhere(
    scene: Scene, serving: Serving, worker: None, cramped: Path
) -> None:
    for pid in descendants(serving.begin().pid):
        (cramped / "cgroup.procs").write_text(str(pid))
    run = scene.ended(scene.ask("eat"), 60)
    assert run.state_name == "Completed"
    (crash,) = [
        state for state in scene.client.read_flow_run_states(run.id) if state.name == "Crashed"
    ]
    assert "SIGKILL" in str(crash.message)
    assert scene.left_by(scene.pids()[:1])


def test_memory_that_the_kernel_refuses_fails_the_run(scene: Scene, worker: None) -> None:
    run = scene.ended(scene.ask("address-space"))
    assert run.state_name == "Failed"
    assert run.state is not None
    assert "MemoryError" in str(run.state.message)
    assert scene.nothing_left()
    os.kill(scene.pids()[0], signal.SIGKILL)  # the next flows want a child without that limit


def test_a_stopped_child_is_taken_for_hung(scene: Scene, worker: None) -> None:
    run = scene.ask("stop")
    assert scene.ended(run).state_name == "Completed"
    assert scene.left_by(scene.pids()[:1])


def test_a_timeout_stops_native_code(scene: Scene, worker: None) -> None:
    run = scene.ended(scene.ask("native", {"timeout_s": 1}))
    assert run.state_name == "TimedOut"
    assert scene.left_by(scene.pids())


def test_a_child_outlives_its_killed_worker_and_then_ends(scene: Scene, alone: None) -> None:
    with worker_for(scene.server, POOL, QUICK) as worker:
        run = scene.ask("sleep 6")
        child = scene.begun()
        worker.kill()
        assert scene.ended(run).state_name == "Completed"
        assert "Requeued" not in states(scene.client, run)
        assert gone([child])
    with worker_for(scene.server, POOL, QUICK, name="sweeper"):  # what the dead one left
        assert scene.nothing_left()


def test_a_lost_host_s_run_goes_to_another(scene: Scene, alone: None) -> None:
    with worker_for(scene.server, POOL, QUICK, name="first") as first:
        run = scene.ask("sleep 60")
        child = scene.begun()
        for pid in (first.pid, child):
            os.kill(pid, signal.SIGKILL)
        with worker_for(scene.server, POOL, QUICK, name="second"):
            assert scene.ended(run, 60).state_name == "Completed"
            assert states(scene.client, run).count("Requeued") == 1
            assert scene.left_by([child])


def test_a_stopped_host_s_run_goes_to_another_and_the_first_lets_go(
    scene: Scene, alone: None
) -> None:
    with worker_for(scene.server, POOL, QUICK, name="sleeper") as first:
        run = scene.ask("sleep 60")
        child = scene.begun()
        for pid in (first.pid, child):
            os.kill(pid, signal.SIGSTOP)
        with worker_for(scene.server, POOL, QUICK, name="awake"):
            assert scene.ended(run, 60).state_name == "Completed"
            os.kill(child, signal.SIGCONT)
            assert scene.client.read_flow_run(run).state_name == "Completed"
            os.kill(first.pid, signal.SIGCONT)
            assert scene.left_by([child])


def test_a_server_that_restarts_finds_the_run_completed(scene: Scene, worker: None) -> None:
    run = scene.ask("sleep 3")
    scene.begun()
    scene.server.kill()
    time.sleep(1)
    scene.server.start()
    assert scene.ended(run, 60).state_name == "Completed"
    assert "Requeued" not in states(scene.client, run)


def test_a_server_away_for_ten_seconds_loses_no_run(scene: Scene, worker: None) -> None:
    run = scene.ask("sleep 2")
    scene.begun()
    scene.server.kill()
    time.sleep(10)
    scene.server.start()
    assert scene.ended(run, 120).state_name == "Completed"


def test_a_database_locked_for_ten_seconds_loses_no_run(scene: Scene, worker: None) -> None:
    run = scene.ask("sleep 1")
    scene.begun()
    lock = sqlite3.connect(scene.server.database, timeout=30, check_same_thread=False)
    lock.execute("BEGIN EXCLUSIVE")
    release = threading.Timer(10, lock.rollback)
    release.start()
    try:
        release.join()
        assert scene.ended(run, 120).state_name == "Completed"
    finally:
        lock.close()


def test_a_stop_lets_the_run_finish(scene: Scene, alone: None) -> None:
    with worker_for(scene.server, POOL, QUICK) as worker:
        run = scene.ask("sleep 3")
        until(scene.client, run, "Running")
        below = descendants(worker.pid)
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(30) == 0
        assert scene.ended(run).state_name == "Completed"
        assert scene.left_by(below)
