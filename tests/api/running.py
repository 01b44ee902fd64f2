"""A gateway on a real socket: in a thread of the test, or as a process that can be killed."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import httpx
import uvicorn
from fastapi import FastAPI

from api.app import create_app
from api.database import Database
from api.keys import make_key
from api.settings import Settings

T = TypeVar("T")
ROOT = Path(__file__).resolve().parents[2]
NOWHERE = "http://127.0.0.1:9/api"  # nothing listens there: Prefect is down
PATIENCE_S = 30.0


class Api:
    """A client of a gateway, with the database behind it to make keys in."""

    def __init__(self, url: str, settings: Settings, app: FastAPI | None = None) -> None:
        self.url, self.settings, self.app = url, settings, app
        self._clients: list[httpx.Client] = []
        self.http = self.with_token(None)

    def key(self, owner: str, **options: object) -> str:
        given: dict[str, Any] = {
            "requests_per_minute": 10_000,
            "calls_per_minute": 100_000,
            **options,
        }
        made = make_key(owner, owner, **given)

        async def add(database: Database) -> None:
            async with database.writing() as session:
                session.add(made.row)

        self.in_database(add)
        return made.secret

    def client(self, owner: str, **options: object) -> httpx.Client:
        return self.with_token(self.key(owner, **options))

    def with_token(self, token: str | None) -> httpx.Client:
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        client = httpx.Client(base_url=self.url, headers=headers, timeout=PATIENCE_S)
        self._clients.append(client)
        return client

    def close(self) -> None:
        for client in self._clients:
            client.close()

    def in_database(self, work: Callable[[Database], Awaitable[T]]) -> T:
        async def run() -> T:
            database = Database(self.settings.async_database_url)
            try:
                return await work(database)
            finally:
                await database.close()

        return asyncio.run(run())


@contextmanager
def gateway(settings: Settings) -> Iterator[Api]:
    """In a thread, so that a test can look into it."""
    app = create_app(settings)
    config = uvicorn.Config(app, host="127.0.0.1", port=0, log_config=None, access_log=False)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    eventually(lambda: server.started or not thread.is_alive())
    if not server.started:
        raise RuntimeError("the gateway did not start")
    port = server.servers[0].sockets[0].getsockname()[1]
    api = Api(f"http://127.0.0.1:{port}", settings, app)
    try:
        yield api
    finally:
        api.close()
        server.should_exit = True
        thread.join(PATIENCE_S)


@contextmanager
def gateway_process(
    settings: Settings, port: int, log: Path
) -> Iterator["subprocess.Popen[bytes]"]:
    """`avatar serve` as an operator starts it."""
    program = "from cli.main import main; main()"
    command = [sys.executable, "-c", program, "serve", "--port", str(port)]
    with log.open("wb") as out:
        process = subprocess.Popen(
            command, cwd=ROOT, env=_environment(settings), stdout=out, stderr=out
        )
        try:
            eventually(lambda: _answers(port) or process.poll() is not None)
            if process.poll() is not None:
                raise RuntimeError(log.read_text())
            yield process
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
                process.wait(PATIENCE_S)


def eventually(look: Callable[[], T], within_s: float = PATIENCE_S) -> T:
    end = time.monotonic() + within_s
    while not (found := look()):
        if time.monotonic() > end:
            raise TimeoutError("it did not happen")
        time.sleep(0.02)
    return found


def _environment(settings: Settings) -> dict[str, str]:
    redis = settings.redis_url.get_secret_value() if settings.redis_url else ""
    auth = settings.prefect_auth.get_secret_value() if settings.prefect_auth else ""
    given = {
        "DATABASE_URL": settings.database_url,
        "AVATAR_STORE": settings.store,
        "PREFECT_API_URL": settings.prefect_url,
        "PREFECT_API_AUTH_STRING": auth,
        "REDIS_URL": redis,
        "AVATAR_VIDEO_DEPLOYMENT": settings.video_deployment,
        "AVATAR_CALL_NETWORKS": json.dumps(settings.call_networks),
        "AVATAR_CALL_PORTS": json.dumps(settings.call_ports),
        "AVATAR_CALL_PLAIN_HTTP": json.dumps(settings.call_plain_http),
    }
    return {**os.environ, **{name: value for name, value in given.items() if value}}


def _answers(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/healthz", timeout=1).is_success
    except httpx.HTTPError:
        return False
