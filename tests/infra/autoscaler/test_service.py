"""The whole of it: a queue on a real socket, real processes, and the port that others read."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
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


def test_a_queue_starts_workers_and_sigterm_drains_them(
    prefect_here: Prefect, client: httpx.Client, tmp_path: Path
) -> None:
    for _ in range(40):
        prefect_here.add("SCHEDULED")
    environment = {
        **os.environ,
        "PREFECT_API_URL": str(client.base_url),
        "AVATAR_SCALE_COMMAND": f"{sys.executable} {WORKER} {tmp_path} 0",
        "AVATAR_SCALE_WARM": "3",
        "AVATAR_SCALE_EVERY_S": "0.05",
        "AVATAR_SCALE_PORT": "0",
    }
    scaler = subprocess.Popen([sys.executable, "-m", "infra.autoscaler"], cwd=ROOT, env=environment)
    try:
        until(lambda: len(list(tmp_path.glob("*.on"))) == 3)
    finally:
        scaler.send_signal(signal.SIGTERM)
        status = scaler.wait(timeout=30)
    assert status == 0
    assert len(list(tmp_path.glob("*.done"))) == 3


def test_a_pool_that_is_not_there_stops_it_at_once(client: httpx.Client) -> None:
    settings = AutoscalerSettings(prefect_url=str(client.base_url), pool="gpus")
    with pytest.raises(InvalidRequest, match="no work pool 'gpus'"):
        serve(settings, threading.Event())


def test_settings_make_the_rule() -> None:
    rule = AutoscalerSettings(users=60, at_least=2, warm=1, at_most=5, slots=2).rule()
    assert (rule.down_below, rule.at_least, rule.warm, rule.at_most, rule.slots) == (3, 2, 2, 5, 2)


def test_the_worker_s_command_follows_the_pool() -> None:
    assert AutoscalerSettings(pool="g p").worker_command() == [
        *("prefect", "worker", "start", "--pool", "g p"),
    ]
