"""Prefect's server and workers as real processes, for tests and benchmarks.

The server has its access log, so that calls can be counted, and a port and a database that it
finds again after a restart.
"""

import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from shutil import copyfile
from typing import TypeVar
from uuid import UUID

import httpx
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.objects import FlowRun
from prefect.settings import (
    PREFECT_API_AUTH_STRING,
    PREFECT_API_URL,
    PREFECT_HOME,
    temporary_settings,
)

from cli.local_prefect import template
from tasks.settings import Settings

T = TypeVar("T")
ROOT = Path(__file__).resolve().parents[1]
CALL = re.compile(r'"(GET|POST|PATCH|PUT|DELETE) (/api\S*) HTTP')
QUIET = {
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_LOGGING_LEVEL": "INFO",  # and with it the access log
    "PREFECT_LOGGING_TO_API_ENABLED": "true",
    "CUDA_VISIBLE_DEVICES": "",
    "OMP_NUM_THREADS": "1",
}


@dataclass
class Server:
    """`home` holds its database, which a restart keeps."""

    home: Path
    port: int = 0
    env: dict[str, str] = field(default_factory=dict)
    process: "subprocess.Popen[bytes] | None" = None

    def __post_init__(self) -> None:
        self.port = self.port or free_port()
        self.home.mkdir(parents=True, exist_ok=True)
        if not self.database.exists():
            copyfile(template(Settings().prefect_home.absolute()), self.database)

    @property
    def database(self) -> Path:
        return self.home / "prefect.db"

    @property
    def log(self) -> Path:
        return self.home / "server.log"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/api"

    @property
    def environment(self) -> dict[str, str]:
        """Of the server and of everything that talks to it."""
        places = {
            "PREFECT_API_URL": self.url,
            "PREFECT_HOME": str(self.home),
            "PREFECT_LOCAL_STORAGE_PATH": str(self.home / "results"),
            "PREFECT_PROFILES_PATH": str(self.home / "profiles.toml"),
        }
        theirs = {name: value for name, value in os.environ.items() if "PREFECT" not in name}
        return theirs | QUIET | places | self.env

    def start(self) -> None:
        database = f"sqlite+aiosqlite:///{self.database}"
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "infra.prefect_server", "127.0.0.1", str(self.port)],
                env=self.environment | {"PREFECT_SERVER_DATABASE_CONNECTION_URL": database},
                cwd=ROOT,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        eventually(lambda: _answers(f"{self.url}/health") or None, 60)

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def calls(self, skip: int = 0) -> list[str]:
        """What was asked of the API, METHOD /api/path, in order."""
        found = CALL.findall(self.log.read_text(encoding="utf-8", errors="replace"))
        return [f"{method} {path}" for method, path in found][skip:]

    @contextmanager
    def client(self) -> Iterator[SyncPrefectClient]:
        """Also for everything else of Prefect within the block."""
        here = {PREFECT_API_URL: self.url, PREFECT_API_AUTH_STRING: None, PREFECT_HOME: self.home}
        with temporary_settings(here), get_client(sync_client=True) as client:
            yield client


@contextmanager
def server_in(home: Path, **env: str) -> Iterator[Server]:
    server = Server(home, env=env)
    server.start()
    try:
        yield server
    finally:
        server.kill()


@contextmanager
def worker_for(
    server: Server, pool: str, env: Mapping[str, str] | None = None, name: str = "w"
) -> Iterator["subprocess.Popen[bytes]"]:
    """Ended by the end of the block at the latest, with what it started."""
    changes = {"AVATAR_WORKER_POLL_S": "0.2", "AVATAR_WORKER_TEMPORARY": str(server.home / "tmp")}
    with (server.home / f"{name}.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "prefect", "worker", "start", "--pool", pool, "--name", name],
            env=server.environment | changes | dict(env or {}),
            cwd=ROOT,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        yield process
    finally:
        children = descendants(process.pid)
        process.send_signal(signal.SIGCONT)
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        for child in children:
            _kill(child)


def states(client: SyncPrefectClient, run: UUID) -> list[str]:
    return [str(state.name) for state in client.read_flow_run_states(run)]


def until(client: SyncPrefectClient, run: UUID, state: str, within_s: float = 60) -> FlowRun:
    """The run once it is, or was, in the state."""

    def look() -> FlowRun | None:
        return client.read_flow_run(run) if state in states(client, run) else None

    return eventually(look, within_s, lambda: f"{states(client, run)}, not {state}")


def ended(client: SyncPrefectClient, run: UUID, within_s: float = 60) -> FlowRun:
    """The run once it has ended for good: a crash that is put back is no end."""

    def look() -> FlowRun | None:
        before = states(client, run)  # first: a crash seen after it is not the one put back
        now = client.read_flow_run(run)
        final = now.state is not None and now.state.is_final()
        return now if final and (now.state_name != "Crashed" or "Requeued" in before) else None

    return eventually(look, within_s, lambda: f"still {states(client, run)}")


def eventually(
    look: Callable[[], T | None], within_s: float, told: Callable[[], object] = str
) -> T:
    """What `look` finds. A server that is away is asked again."""
    limit = time.monotonic() + within_s
    while True:
        try:
            found = look()
        except (httpx.TransportError, httpx.HTTPStatusError):
            found = None
        if found is not None:
            return found
        if time.monotonic() > limit:
            raise AssertionError(f"not within {within_s:g} s: {told()}")
        time.sleep(0.05)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def descendants(pid: int) -> list[int]:
    """All processes that came from this one and still have it above them."""
    below: list[int] = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in _read(task).split():
            below += [int(child), *descendants(int(child))]
    return below


def alive(pid: int) -> bool:
    status = _read(Path(f"/proc/{pid}/stat"))
    return bool(status) and status.rpartition(")")[2].split()[0] != "Z"


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as reply:
            return bool(reply.status == 200)
    except OSError:
        return False
