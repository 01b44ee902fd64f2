"""Prefect's server split as a fleet runs it: PostgreSQL, Redis, an API and background services.

Debian's own servers, each on a free port of this machine, in a folder that goes afterwards.
"""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from infra.supervisor import answers
from tests.stack.processes import eventually, free_port

START_S, STOP_S, MIGRATE_S = 60.0, 30.0, 120.0
POSTGRES = "/usr/lib/postgresql"
INIT = ("-U", "prefect", "-A", "trust", "-E", "UTF8")


@contextmanager
def split_server(folder: Path) -> Iterator[str]:
    """The address of its API."""
    with postgres() as database, redis(folder) as queue:
        env = environment(database, queue, folder)
        prefect = (sys.executable, "-m", "prefect", "--no-prompt", "server")
        subprocess.run(
            [*prefect, "database", "upgrade", "-y"], env=env, check=True, timeout=MIGRATE_S
        )
        port = free_port()
        api = f"http://127.0.0.1:{port}/api"
        start = ("start", "--no-services", "--host", "127.0.0.1", "--port", str(port))
        with (
            serving((*prefect, *start), folder / "api.log", env) as server,
            serving((*prefect, "services", "start"), folder / "services.log", env),
        ):
            eventually(
                lambda: answers(f"{api}/health") or None, START_S, lambda: told(server, folder)
            )
            yield api


def environment(database: str, redis_port: int, folder: Path) -> dict[str, str]:
    clean = {name: value for name, value in os.environ.items() if "PREFECT" not in name}
    return clean | {
        "PREFECT_HOME": str(folder / "prefect"),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_SERVER_DATABASE_CONNECTION_URL": database,
        "PREFECT_MESSAGING_BROKER": "prefect_redis.messaging",
        "PREFECT_MESSAGING_CACHE": "prefect_redis.messaging",
        "PREFECT_SERVER_EVENTS_CAUSAL_ORDERING": "prefect_redis.ordering",
        "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect_redis.lease_storage",
        "PREFECT_REDIS_MESSAGING_HOST": "127.0.0.1",
        "PREFECT_REDIS_MESSAGING_PORT": str(redis_port),
        "PREFECT_REDIS_MESSAGING_DB": "0",
        "PREFECT_SERVER_DOCKET_URL": f"redis://127.0.0.1:{redis_port}/1",
    }


@dataclass(frozen=True)
class Postgres:
    """A database's files, and how to serve them: again after an end, on the same port."""

    programs: Path
    folder: Path
    user: str | None
    port: int

    @property
    def url(self) -> str:
        return f"postgresql+asyncpg://prefect@127.0.0.1:{self.port}/postgres"

    @contextmanager
    def serving(self) -> Iterator[subprocess.Popen[bytes]]:
        given = {"listen_addresses": "127.0.0.1", "unix_socket_directories": "", "fsync": "off"}
        options = [part for key, value in given.items() for part in ("-c", f"{key}={value}")]
        data = str(self.folder / "data")
        command = (str(self.programs / "postgres"), "-D", data, "-p", str(self.port), *options)
        # SIGINT is its fast stop: it waits for no client
        with serving(command, self.folder / "log", None, self.user, stop=signal.SIGINT) as process:
            until_open(self.port)
            yield process


@contextmanager
def postgres() -> Iterator[str]:
    """Its address for Prefect."""
    with postgres_files() as files, files.serving():
        yield files.url


@contextmanager
def postgres_files() -> Iterator[Postgres]:
    """PostgreSQL refuses root, so that root gives it another user."""
    found = sorted(Path(POSTGRES).glob("*/bin/initdb"))
    if not found:
        pytest.skip("the split server needs Debian's package postgresql")
    programs, user = found[-1].parent, "postgres" if os.geteuid() == 0 else None
    with tempfile.TemporaryDirectory(prefix="avatar-postgres-") as name:
        if user is not None:
            os.chown(name, pwd.getpwnam(user).pw_uid, -1)
        subprocess.run(
            [
                programs / "initdb",
                "-D",
                f"{name}/data",
                "-U",
                "prefect",
                "-A",
                "trust",
                "-E",
                "UTF8",
            ],
            user=user,
            cwd=name,
            check=True,
            capture_output=True,
        )
        yield Postgres(programs, Path(name), user, free_port())


@contextmanager
def redis(folder: Path, port: int | None = None) -> Iterator[int]:
    """Its port."""
    program = shutil.which("redis-server")
    if program is None:
        pytest.skip("the split server needs Debian's package redis-server")
    port = port or free_port()
    command = (program, "--port", str(port), "--bind", "127.0.0.1", "--save", "")
    with serving((*command, "--dir", str(folder)), folder / "redis.log", None):
        until_open(port)
        yield port


@contextmanager
def serving(
    command: Sequence[str],
    log: Path,
    env: Mapping[str, str] | None,
    user: str | None = None,
    stop: signal.Signals = signal.SIGTERM,
) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("wb") as out:
        process = subprocess.Popen(
            command,
            env=env,
            user=user,
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        process.send_signal(stop)
        with suppress(subprocess.TimeoutExpired):
            process.wait(STOP_S)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def until_open(port: int) -> None:
    def look() -> bool | None:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            return None
        return True

    eventually(look, START_S, lambda: f"nothing listens on {port}")


def told(process: subprocess.Popen[bytes], folder: Path) -> str:
    return f"status {process.poll()}: " + (folder / "api.log").read_text(encoding="utf-8")[-2000:]
