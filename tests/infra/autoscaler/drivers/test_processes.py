"""Worker processes: real ones, started, drained and killed."""

import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from infra.autoscaler.drivers.processes import WorkerProcesses
from infra.autoscaler.drivers.worker_process import started_at
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
    return started_at(pid) is not None


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


@pytest.fixture
def command(tmp_path: Path) -> list[str]:
    return [sys.executable, str(WORKER), str(tmp_path), "0"]


@contextmanager
def left(command: list[str], folder: Path, workers: int) -> Iterator[WorkerProcesses]:
    """What SIGKILL of the process that scales leaves: the lock goes, the workers stay."""
    before = WorkerProcesses(command, folder=folder / "memory")
    before.scale_to(workers)
    ready(folder, before)
    try:
        yield before
    finally:
        before._records = None
        before.close()  # init would reap them


def forget(workers: WorkerProcesses) -> None:
    assert workers._records
    workers._records.close()


def test_what_another_left_is_taken_over(tmp_path: Path, command: list[str]) -> None:
    with left(command, tmp_path, workers=2) as before:
        oldest, newest = before.pids
        forget(before)
        with WorkerProcesses(command, folder=tmp_path / "memory") as after:
            assert (after.pids, after.current()) == ([oldest, newest], 2)
            after.scale_to(1)
            until((tmp_path / f"{newest}.done").exists)
            assert after.pids == [oldest]
        assert (tmp_path / f"{oldest}.done").exists()
    assert [file.name for file in (tmp_path / "memory").iterdir()] == ["lock"]


def test_what_drained_already_is_not_told_twice(tmp_path: Path, command: list[str]) -> None:
    with left([*command[:-1], "1"], tmp_path, workers=1) as before:
        (pid,) = before.pids
        before.scale_to(0)
        forget(before)
        with WorkerProcesses(command, folder=tmp_path / "memory") as after:
            assert (after.current(), after.draining) == (0, 1)
        assert (tmp_path / f"{pid}.done").exists()


def test_a_number_that_is_another_s_now_is_left_alone(tmp_path: Path, command: list[str]) -> None:
    with left(command, tmp_path, workers=1) as before:
        (pid,) = before.pids
        forget(before)
        record = tmp_path / "memory" / f"{pid}.json"
        facts = json.loads(record.read_text())
        record.write_text(json.dumps(facts | {"started": facts["started"] - 1}))
        with WorkerProcesses(command, folder=tmp_path / "memory") as after:
            assert (after.current(), after.draining) == (0, 0)
        assert alive(pid)
        assert not record.exists()


def test_two_do_not_scale_from_one_folder(tmp_path: Path, command: list[str]) -> None:
    with (
        WorkerProcesses(command, folder=tmp_path / "memory"),
        pytest.raises(SetupError, match="another autoscaler holds"),
    ):
        WorkerProcesses(command, folder=tmp_path / "memory")
