"""The whole of it: a queue on a real socket, real processes, and the port that others read."""

import fcntl
import os
import shlex
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

import httpx
import pytest

from infra.autoscaler.service import AutoscalerSettings, serve
from models.errors import InvalidRequest

ROOT = Path(__file__).resolve().parents[3]
WORKER = Path(__file__).parent / "drivers" / "fake_worker.py"


class Prefect(Protocol):
    def add(self, state: str, pool: str = "gpu", **fields: object) -> None: ...


def until(true: Callable[[], bool]) -> None:
    for _ in range(3000):
        if true():
            return
        time.sleep(0.01)
    pytest.fail("it did not come to be within 30 s")


@pytest.fixture
def start(
    prefect_here: Prefect, client: httpx.Client, tmp_path: Path
) -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    """Starts an autoscaler for a pool where 40 runs wait; whatever still runs is stopped."""
    for _ in range(40):
        prefect_here.add("SCHEDULED")
    environment = {
        **os.environ,
        "PREFECT_API_URL": str(client.base_url),
        "AVATAR_SCALE_COMMAND": f"{sys.executable} {WORKER} {tmp_path} 0",
        "AVATAR_SCALE_WARM": "3",
        "AVATAR_SCALE_AT_MOST": "3",
        "AVATAR_SCALE_EVERY_S": "0.05",
        "AVATAR_SCALE_PORT": "0",
        "AVATAR_SCALE_FOLDER": str(tmp_path / "memory"),
    }
    started: list[subprocess.Popen[bytes]] = []

    def scaler(*command: str) -> subprocess.Popen[bytes]:
        arguments = command or (sys.executable, "-m", "infra.autoscaler")
        started.append(subprocess.Popen(arguments, cwd=ROOT, env=environment))
        return started[-1]

    yield scaler
    for one in started:
        one.terminate()
        one.wait(timeout=30)


def on(folder: Path) -> set[str]:
    return {file.stem for file in folder.glob("*.on")}


@pytest.mark.parametrize(
    "command",
    [
        ("-m", "infra.autoscaler"),
        ("-c", "from cli.main import main; main()", "autoscale", "--warm", "3"),
    ],
    ids=["module", "command"],
)
def test_a_queue_starts_workers_and_sigterm_drains_them(
    start: Callable[..., subprocess.Popen[bytes]], tmp_path: Path, command: tuple[str, ...]
) -> None:
    scaler = start(sys.executable, *command)
    until(lambda: len(on(tmp_path)) == 3)
    scaler.send_signal(signal.SIGTERM)
    assert scaler.wait(timeout=30) == 0
    assert len(list(tmp_path.glob("*.done"))) == 3


def alive(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


def lockable(file: Path) -> bool:
    with file.open() as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


def test_after_a_kill_the_next_one_takes_the_workers_over(
    start: Callable[..., subprocess.Popen[bytes]], tmp_path: Path
) -> None:
    killed = start()
    until(lambda: len(on(tmp_path)) == 3)
    workers = on(tmp_path)
    killed.kill()
    killed.wait()
    assert all(alive(int(pid)) for pid in workers)
    scaler = start()
    until(lambda: not lockable(tmp_path / "memory" / "lock"))
    scaler.send_signal(signal.SIGTERM)
    assert scaler.wait(timeout=30) == 0
    assert on(tmp_path) == workers
    assert {file.stem for file in tmp_path.glob("*.done")} == workers


def test_a_pool_that_is_not_there_stops_it_at_once(client: httpx.Client) -> None:
    settings = AutoscalerSettings(prefect_url=str(client.base_url), pool="gpus")
    with pytest.raises(InvalidRequest, match="no work pool 'gpus'"):
        serve(settings, threading.Event())


def test_workers_are_told_where_prefect_is(
    client: httpx.Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without it they would start a server of their own, and wait there for ever."""
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    told = tmp_path / "told"
    code = f"import os; open({str(told)!r}, 'w').write(os.environ['PREFECT_API_URL'])"
    url, stop = str(client.base_url), threading.Event()
    command = shlex.join([sys.executable, "-c", code])
    settings = AutoscalerSettings(prefect_url=url, command=command, port=0, folder=tmp_path)
    scaler = threading.Thread(target=serve, args=(settings, stop))
    scaler.start()
    try:
        until(lambda: told.exists() and told.read_text() == url)
    finally:
        stop.set()
        scaler.join()


def test_settings_make_the_rule() -> None:
    rule = AutoscalerSettings(users=60, at_least=2, warm=1, at_most=5, slots=2).rule()
    assert (rule.down_below, rule.at_least, rule.warm, rule.at_most, rule.slots) == (3, 2, 2, 5, 2)


def test_the_worker_s_command_follows_the_pool() -> None:
    assert AutoscalerSettings(pool="g p").worker_command() == [
        *(sys.executable, "-m", "prefect", "worker", "start", "--pool", "g p"),
    ]
