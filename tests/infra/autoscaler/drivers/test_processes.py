"""Worker processes: real ones, started, drained and killed."""

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from infra.autoscaler.drivers.processes import WorkerProcesses
from models.errors import SetupError

WORKER = Path(__file__).with_name("fake_worker.py")


def until(true: Callable[[], bool]) -> None:
    """Wait for what other processes do; generous, since nothing is measured by it."""
    for _ in range(2000):
        if true():
            return
        time.sleep(0.01)
    pytest.fail("it did not come to be within 20 s")


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def workers(tmp_path: Path, clock: Clock) -> Iterator[WorkerProcesses]:
    command = [sys.executable, str(WORKER), str(tmp_path), "0"]
    with WorkerProcesses(command, drain_s=60, clock=clock) as workers:
        yield workers


def ready(folder: Path, workers: WorkerProcesses) -> list[int]:
    until(lambda: all((folder / f"{pid}.on").exists() for pid in workers.pids))
    return workers.pids


def test_so_many_run_as_are_wanted(tmp_path: Path, workers: WorkerProcesses) -> None:
    assert workers.current() == 0
    workers.scale_to(2)
    assert workers.current() == 2
    assert len({os.getpgid(pid) for pid in ready(tmp_path, workers)}) == 2


def test_the_newest_drains_first_and_finishes(tmp_path: Path, workers: WorkerProcesses) -> None:
    workers.scale_to(2)
    oldest, newest = ready(tmp_path, workers)
    workers.scale_to(1)
    assert (workers.current(), workers.pids) == (1, [oldest])
    until((tmp_path / f"{newest}.done").exists)
    assert alive(oldest)


def test_what_drains_is_reaped_at_the_next_look(tmp_path: Path, workers: WorkerProcesses) -> None:
    workers.scale_to(1)
    (pid,) = ready(tmp_path, workers)
    workers.scale_to(0)

    def gone() -> bool:
        workers.scale_to(0)
        return workers.draining == 0

    until(gone)
    assert not alive(pid)


def test_what_drains_too_long_is_killed(tmp_path: Path, clock: Clock) -> None:
    command = [sys.executable, str(WORKER), str(tmp_path), "1000"]
    with WorkerProcesses(command, drain_s=60, clock=clock) as workers:
        workers.scale_to(1)
        (pid,) = ready(tmp_path, workers)
        workers.scale_to(0)
        clock.now = 59.0
        workers.scale_to(0)
        assert alive(pid)
        clock.now = 60.0
        workers.scale_to(0)
        assert not alive(pid)
        assert workers.draining == 0
    assert not (tmp_path / f"{pid}.done").exists()


def test_a_worker_that_died_is_no_longer_counted(tmp_path: Path, workers: WorkerProcesses) -> None:
    workers.scale_to(2)
    victim, _ = ready(tmp_path, workers)
    os.kill(victim, signal.SIGKILL)
    until(lambda: workers.current() == 1)
    workers.scale_to(2)
    assert victim not in ready(tmp_path, workers)
    assert workers.current() == 2


def test_a_run_that_outlives_its_worker_may_end(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "import subprocess, sys; subprocess.Popen(sys.argv[1:])"]
    run = [sys.executable, str(WORKER), str(tmp_path), "0"]
    with WorkerProcesses([*command, *run]) as workers:
        workers.scale_to(1)
        until(lambda: workers.current() == 0 and bool(list(tmp_path.glob("*.on"))))
        assert workers.draining == 1
        (on,) = tmp_path.glob("*.on")
        os.kill(int(on.stem), signal.SIGTERM)
    assert on.with_suffix(".done").exists()
    assert not alive(int(on.stem))


def test_leaving_drains_all_and_leaves_none(tmp_path: Path) -> None:
    with WorkerProcesses([sys.executable, str(WORKER), str(tmp_path), "0.05"]) as workers:
        workers.scale_to(2)
        pids = ready(tmp_path, workers)
    assert not any(alive(pid) for pid in pids)
    assert all((tmp_path / f"{pid}.done").exists() for pid in pids)


def test_what_workers_say_is_kept(tmp_path: Path) -> None:
    log = tmp_path / "workers.log"
    with WorkerProcesses([sys.executable, "-c", "print('hello')"], log=log) as workers:
        workers.scale_to(1)
        until(lambda: log.read_text() == "hello\n")


def test_a_command_that_is_not_there_is_named() -> None:
    with (
        WorkerProcesses(["no-such-worker", "--pool", "gpu"]) as workers,
        pytest.raises(SetupError, match="no-such-worker --pool gpu"),
    ):
        workers.scale_to(1)
