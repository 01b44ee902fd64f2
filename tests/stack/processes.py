"""The whole stack as `avatar up` starts it, in real processes, and what tests do with it."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

import httpx
import psutil

T = TypeVar("T")
READY_S, STOP_S, VIDEO_S = 240.0, 120.0, 240.0  # bounds on hangs
FINAL = {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"}


class Patient(httpx.HTTPTransport):
    """Asks again, as Prefect's own client does, where SQLite was locked: the server says 503."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        for _ in range(5):
            reply = super().handle_request(request)
            if reply.status_code != httpx.codes.SERVICE_UNAVAILABLE:
                break
            reply.close()
            time.sleep(0.5)
        return reply


class Stack:
    """One `avatar up`, with a store and a home of its own."""

    def __init__(self, folder: Path, port: int, api: str, env: Mapping[str, str]) -> None:
        self.folder, self.port, self.api = folder, port, api
        self.store, self.log = folder / "store", folder / "up.log"
        self.gateway = f"http://127.0.0.1:{(api_port := free_port())}"
        own = {"AVATAR_STORE": str(self.store), "AVATAR_PREFECT_HOME": str(folder / "prefect")}
        clean = {name: value for name, value in os.environ.items() if "PREFECT" not in name}
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [
                    *(str(Path(sys.executable).with_name("avatar")), "up"),
                    *("--port", str(port), "--api-port", str(api_port)),
                ],
                env=clean | own | dict(env),
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.client = httpx.Client(base_url=api, timeout=30, transport=Patient())

    def said(self) -> str:
        return self.log.read_text(encoding="utf-8")

    def until_said(self, text: str, within_s: float) -> str:
        def look() -> str | None:
            said = self.said()
            assert self.process.poll() is None or text in said, said
            return said if text in said else None

        return eventually(look, within_s, self.said)

    def deployment(self, name: str) -> dict[str, Any]:
        return dict(self.client.get(f"/deployments/name/{name}").raise_for_status().json())

    def ask(self, name: str, parameters: Mapping[str, Any]) -> UUID:
        """Start a run of FLOW/DEPLOYMENT."""
        deployment = self.deployment(name)["id"]
        made = self.client.post(
            f"/deployments/{deployment}/create_flow_run", json={"parameters": parameters}
        )
        return UUID(made.raise_for_status().json()["id"])

    def run(self, id: UUID) -> dict[str, Any]:
        return dict(self.client.get(f"/flow_runs/{id}").raise_for_status().json())

    def until(self, id: UUID, *states: str, within_s: float = VIDEO_S) -> dict[str, Any]:
        def look() -> dict[str, Any] | None:
            run = self.run(id)
            return run if run["state_type"] in states else None

        return eventually(look, within_s, lambda: str(self.run(id)["state"]))

    def finish(self, name: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
        return self.until(self.ask(name, parameters), *FINAL)

    def cancel(self, id: UUID) -> None:
        state = {"type": "CANCELLING", "name": "Cancelling"}
        self.client.post(f"/flow_runs/{id}/set_state", json={"state": state}).raise_for_status()

    def waiting(self, name: str) -> list[dict[str, Any]]:
        """Scheduled runs of FLOW/DEPLOYMENT."""
        chosen = {
            "deployments": {"id": {"any_": [self.deployment(name)["id"]]}},
            "flow_runs": {"state": {"type": {"any_": ["SCHEDULED"]}}},
        }
        return list(self.client.post("/flow_runs/filter", json=chosen).raise_for_status().json())

    def runs(self, parent_of: str) -> list[dict[str, Any]]:
        """Flow runs that this one started, wherever they ran."""
        chosen = {"flow_runs": {"parent_flow_run_id": {"any_": [parent_of]}}}
        return list(self.client.post("/flow_runs/filter", json=chosen).raise_for_status().json())

    def processes(self) -> list[psutil.Process]:
        """Whatever works for this store, wherever it hangs in the tree."""
        return [one for one in psutil.process_iter() if _works_for(one, str(self.store))]

    def stop(self) -> int:
        """The exit code; what is left after the bound is killed."""
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(STOP_S)
        finally:
            for one in self.processes():
                one.kill()
            self.client.close()


@contextmanager
def running(
    folder: Path, api: str | None = None, more: Mapping[str, str] | None = None
) -> Iterator[Stack]:
    """Up and ready; with `api`, on that Prefect server instead of one of its own."""
    port = free_port()
    env = {**({"PREFECT_API_URL": api} if api else {}), **(more or {})}
    stack = Stack(folder, port, api or f"http://127.0.0.1:{port}/api", env)
    try:
        stack.until_said("all      ready", READY_S)
        yield stack
    finally:
        if stack.process.poll() is None:
            stack.stop()


def eventually(look: Callable[[], T | None], within_s: float, told: Callable[[], str]) -> T:
    until = time.monotonic() + within_s
    while (found := look()) is None:
        assert time.monotonic() < until, f"not within {within_s} s: {told()}"
        time.sleep(0.2)
    return found


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def _works_for(process: psutil.Process, store: str) -> bool:
    try:
        return bool(process.environ().get("AVATAR_STORE") == store)
    except psutil.Error:  # gone, or somebody else's
        return False
