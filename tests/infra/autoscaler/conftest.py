"""A server on a real socket that speaks as much of Prefect's API as the autoscaler asks for."""

import json
import threading
from collections.abc import Iterator
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest


class PrefectHere:
    """Its runs are plain rows; `calls` are the requests it got, `fails_with` its next statuses."""

    def __init__(self) -> None:
        self.runs: list[dict[str, Any]] = []
        self.calls: list[tuple[str, str]] = []
        self.fails_with: int | None = None
        self.pools = {"gpu"}
        self.workers: list[dict[str, Any]] = []

    def add(self, state: str, pool: str = "gpu", **fields: Any) -> None:  # noqa: ANN401
        row = {"state": state, "pool": pool, "labels": {}, "total_run_time": 0.0}
        row["next_scheduled_start_time"] = row["created"] = "2026-01-01T00:00:00Z"
        self.runs.append(row | fields)

    def answer(self, method: str, path: str, body: dict[str, Any]) -> tuple[int, object]:
        self.calls.append((method, path))
        if self.fails_with:
            return self.fails_with, {"detail": "as the test wants it"}
        if method == "GET":
            return (200 if path.removeprefix("/api/work_pools/") in self.pools else 404), {}
        if path.endswith("/workers/filter"):
            wanted = body["workers"]["status"]["any_"]
            return 200, [worker for worker in self.workers if worker["status"] in wanted]
        if "flows" in body:
            return 200, [
                run for run in self.runs if run.get("flow") in body["flows"]["name"]["any_"]
            ]
        found = [run for run in self.runs if _matches(run, body)]
        if path == "/api/flow_runs/count":
            return 200, len(found)
        if path == "/api/flow_runs/filter":
            if body["sort"] == "ID_DESC":
                found.reverse()
            else:
                found.sort(key=lambda run: str(run["next_scheduled_start_time"]))
            first = int(body.get("offset", 0))
            return 200, found[first : first + int(body["limit"])]
        return 404, {"detail": "Not Found"}


def _matches(run: dict[str, Any], body: dict[str, Any]) -> bool:
    asked = body["flow_runs"]
    if run["pool"] not in body["work_pools"]["name"]["any_"]:
        return False
    if run["state"] not in asked["state"]["type"]["any_"]:
        return False
    before = asked.get("next_scheduled_start_time")
    due = datetime.fromisoformat(run["next_scheduled_start_time"])
    return before is None or due <= datetime.fromisoformat(before["before_"])


def _handler(prefect: PrefectHere) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._reply("GET", {})

        def do_POST(self) -> None:
            length = int(self.headers["Content-Length"])
            self._reply("POST", json.loads(self.rfile.read(length)))

        def _reply(self, method: str, body: dict[str, Any]) -> None:
            status, found = prefect.answer(method, self.path, body)
            self.send_response(status)
            self.end_headers()
            self.wfile.write(json.dumps(found).encode())

        def log_message(self, format: str, *args: object) -> None:
            """Tests read what was asked from `calls`."""

    return Handler


@pytest.fixture
def prefect_here() -> PrefectHere:
    return PrefectHere()


@pytest.fixture
def client(prefect_here: PrefectHere) -> Iterator[httpx.Client]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(prefect_here))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    with httpx.Client(base_url=f"http://127.0.0.1:{server.server_port}/api") as client:
        yield client
    server.shutdown()
    thread.join()
    server.server_close()
