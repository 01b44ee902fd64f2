"""A machine that is to end: a metadata server on a real socket, a real process as its worker."""

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

from infra.autoscaler.drain import Drainer, Hook
from infra.autoscaler.instance import Metadata
from models.errors import ServiceUnavailable

boto3 = pytest.importorskip("boto3", reason="the drain needs the extra `infra`")
stub = pytest.importorskip("botocore.stub")

WORKER = Path(__file__).parent / "drivers" / "fake_worker.py"
SPOT = "/latest/meta-data/spot/instance-action"
STATE = "/latest/meta-data/autoscaling/target-lifecycle-state"
HOOK = {"AutoScalingGroupName": "gpu", "LifecycleHookName": "drain", "InstanceId": "i-1"}


class Service(ThreadingHTTPServer):
    """IMDSv2: no token, no answer; `says` is what it knows, by path."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.says = {"/latest/meta-data/instance-id": "i-1", STATE: "InService"}
        self.token = "first"


class Handler(BaseHTTPRequestHandler):
    server: Service

    def do_PUT(self) -> None:
        good = self.path == "/latest/api/token" and self.headers[TTL] is not None
        self._answer(200 if good else 400, self.server.token)

    def do_GET(self) -> None:
        if self.headers["X-aws-ec2-metadata-token"] != self.server.token:
            self._answer(401, "")
        elif self.path in self.server.says:
            self._answer(200, self.server.says[self.path])
        else:
            self._answer(404, "")

    def _answer(self, status: int, text: str) -> None:
        self.send_response(status)
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, format: str, *args: object) -> None:
        """Nobody reads it."""


TTL = "X-aws-ec2-metadata-token-ttl-seconds"


@pytest.fixture
def service() -> Iterator[Service]:
    server = Service()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def metadata(service: Service) -> Iterator[Metadata]:
    with httpx.Client(base_url=f"http://127.0.0.1:{service.server_port}") as client:
        yield Metadata(client)


@pytest.fixture
def group() -> Iterator[tuple[Any, Any]]:
    client = boto3.client(
        "autoscaling", region_name="eu-west-1", aws_access_key_id="x", aws_secret_access_key="x"
    )
    with stub.Stubber(client) as stubber:
        yield client, stubber
    client.close()


def until(true: Callable[[], bool]) -> None:
    for _ in range(2000):
        if true():
            return
        time.sleep(0.01)
    pytest.fail("it did not come to be within 20 s")


@pytest.fixture
def begin(tmp_path: Path, metadata: Metadata) -> Iterator[Callable[..., Drainer]]:
    """A drainer around a worker whose run takes so long, once the worker is ready."""
    started: list[subprocess.Popen[bytes]] = []

    def made(run_s: float, hook: Hook | None = None, heartbeat_s: float = 60) -> Drainer:
        command = [sys.executable, str(WORKER), str(tmp_path), str(run_s)]
        started.append(subprocess.Popen(command))
        until(lambda: bool(list(tmp_path.glob("*.on"))))
        return Drainer(started[-1], metadata, hook, watch_s=0.05, heartbeat_s=heartbeat_s)

    yield made
    for worker in started:
        worker.kill()
        worker.wait()


def finished(folder: Path) -> bool:
    return bool(list(folder.glob("*.done")))


def test_a_spot_machine_that_is_taken_back_finishes_its_run(
    service: Service, begin: Callable[..., Drainer], tmp_path: Path
) -> None:
    drainer = begin(0.1)
    service.says[SPOT] = '{"action": "terminate", "time": "2026-01-01T00:02:00Z"}'
    assert drainer.run() == 0
    assert finished(tmp_path)


def test_the_group_gives_time_and_is_told_of_the_end(
    service: Service, begin: Callable[..., Drainer], tmp_path: Path, group: tuple[Any, Any]
) -> None:
    client, stubber = group
    for _ in range(2):
        stubber.add_response("record_lifecycle_action_heartbeat", {}, HOOK)
    ends = {**HOOK, "LifecycleActionResult": "CONTINUE"}
    stubber.add_response("complete_lifecycle_action", {}, ends)
    service.says[STATE] = "Terminated"
    drainer = begin(1.0, Hook(client, "gpu", "drain", "i-1"), heartbeat_s=0.4)
    assert drainer.run() == 0
    stubber.assert_no_pending_responses()
    assert finished(tmp_path)


def test_a_hook_that_is_refused_stops_no_drain(
    service: Service, begin: Callable[..., Drainer], tmp_path: Path, group: tuple[Any, Any]
) -> None:
    client, stubber = group
    stubber.add_client_error("complete_lifecycle_action", "ValidationError")
    service.says[SPOT] = "{}"
    assert begin(0, Hook(client, "gpu", "drain", "i-1")).run() == 0
    assert finished(tmp_path)


def test_a_worker_that_ends_by_itself_is_not_waited_for(
    begin: Callable[..., Drainer], group: tuple[Any, Any]
) -> None:
    drainer = begin(0, Hook(group[0], "gpu", "drain", "i-1"))
    drainer.stop()  # as SIGTERM does; the group is told nothing
    assert drainer.run() == 0


def test_a_token_that_ran_out_is_fetched_anew(service: Service, metadata: Metadata) -> None:
    assert metadata.instance() == "i-1"
    service.token = "second"
    assert metadata.notice() is None


def test_a_machine_elsewhere_is_said() -> None:
    with (
        httpx.Client(base_url="http://127.0.0.1:9") as client,
        pytest.raises(ServiceUnavailable, match="run this on an EC2 machine"),
    ):
        Metadata(client).instance()
