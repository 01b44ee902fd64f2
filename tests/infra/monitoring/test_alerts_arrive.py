"""From a service that is in trouble to whoever must know: every part is the real one."""

import os
import sys
from datetime import UTC, datetime
from pathlib import Path

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.client.schemas.objects import State
from prefect.states import Scheduled

from tests.api.conftest import settings_for
from tests.api.receiving import Receiver
from tests.api.running import NOWHERE, gateway
from tests.infra.monitoring.watching import TOKEN, address, listener, told, watching
from tests.orchestra import ROOT, Server, free_port, server_in
from tests.stack.servers import serving

__all__ = ["listener"]

TOO_MANY = 51  # runs that wait


def fill(client: SyncPrefectClient, pool: str) -> None:
    client.create_work_pool(WorkPoolCreate(name=pool, type="process"))
    flow = client.create_flow_from_name("waits")
    deployment = client.create_deployment(flow, "here", work_pool_name=pool)
    for _ in range(TOO_MANY):
        due: State[None] = Scheduled(scheduled_time=datetime.now(UTC))
        client.create_flow_run_from_deployment(deployment, state=due)


def exporter_command(server: Server, port: int) -> tuple[tuple[str, ...], dict[str, str]]:
    scale = {"POOL": "gpu", "WATCH_ONLY": "true", "EVERY_S": "0.5", "PORT": str(port)}
    environment = {f"AVATAR_SCALE_{name}": value for name, value in scale.items()}
    path = os.pathsep.join((str(ROOT), os.environ.get("PYTHONPATH", "")))
    return (
        (sys.executable, "-m", "infra.autoscaler"),
        server.environment | environment | {"PYTHONPATH": path},
    )


def test_a_long_queue_is_told_and_a_silent_server_calls_somebody(
    listener: Receiver, tmp_path: Path
) -> None:
    port = free_port()
    targets = {"queue": [f"127.0.0.1:{port}"]}
    with (
        server_in(tmp_path / "prefect") as server,
        watching(tmp_path, targets, address(listener)),
    ):
        with server.client() as client:
            fill(client, "gpu")
        command, environment = exporter_command(server, port)
        with serving(command, tmp_path / "exporter.log", environment):
            slack = told(listener, "/slack", lambda text: "QueueLong" in text)
            (attachment,) = slack["attachments"]
            assert slack["channel"] == "#avatar"
            assert f"{TOO_MANY} runs wait in the pool gpu" in attachment["text"]
            assert "docs/runbooks.md#queuelong" in attachment["text"]

            server.kill()
            page = told(listener, "/pagerduty", lambda text: "QueueUnseen" in text)
            assert page["event_action"] == "trigger"
            assert page["routing_key"] == "a key of PagerDuty"
            assert "nobody sees the queue" in page["payload"]["summary"]
            call = told(listener, "/opsgenie/v2/alerts", lambda text: "QueueUnseen" in text)
            assert call["priority"] == "P1"


def test_a_gateway_without_prefect_calls_somebody(listener: Receiver, tmp_path: Path) -> None:
    settings = settings_for(
        f"sqlite:///{tmp_path}/g.db", tmp_path / "store", metrics_token=TOKEN, prefect_url=NOWHERE
    )
    with gateway(settings) as api:
        targets = {"gateway": [api.url.removeprefix("http://")]}
        with watching(tmp_path, targets, address(listener)):
            page = told(listener, "/pagerduty", lambda text: "PrefectAway" in text)
    assert "videos are accepted and wait" in page["payload"]["summary"]
