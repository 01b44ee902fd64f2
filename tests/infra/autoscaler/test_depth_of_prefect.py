"""The same questions to Prefect's own server."""

import asyncio
import os
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from infra.autoscaler.depth import WORKER_LABEL, Demand, PrefectQueue
from models.errors import InvalidRequest
from tests.prefect_here import prefect_server

__all__ = ["prefect_server"]


async def fill_pool(now: datetime) -> None:
    """Two runs due, one due later, one running and one completed."""
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.actions import WorkPoolCreate
    from prefect.client.schemas.objects import State
    from prefect.states import Completed, Pending, Running, Scheduled

    async with get_client() as client:
        await client.create_work_pool(WorkPoolCreate(name="depth", type="process"))
        flow = await client.create_flow_from_name("depth")
        deployment = await client.create_deployment(flow, "gpu", work_pool_name="depth")

        for minutes in (-3, -1, 5):
            due: State[None] = Scheduled(scheduled_time=now + timedelta(minutes=minutes))
            await client.create_flow_run_from_deployment(deployment, state=due)
        running = await client.create_flow_run_from_deployment(deployment, state=Pending())
        await client.set_flow_run_state(running.id, Running())
        await client.update_flow_run_labels(running.id, {WORKER_LABEL: "i-1"})
        done = await client.create_flow_run_from_deployment(deployment, state=Pending())
        await client.set_flow_run_state(done.id, Running())
        await client.set_flow_run_state(done.id, Completed())


@pytest.fixture
def server(prefect_server: None) -> httpx.Client:
    user, _, password = os.environ["PREFECT_API_AUTH_STRING"].partition(":")
    return httpx.Client(base_url=os.environ["PREFECT_API_URL"], auth=(user, password))


def test_prefect_counts_as_we_do(server: httpx.Client) -> None:
    now = datetime.now(UTC)
    asyncio.run(fill_pool(now))
    with server:
        queue = PrefectQueue(server, "depth", now=lambda: now + timedelta(minutes=3))
        queue.check()
        found = queue.demand()
        assert found == Demand(waiting=2, busy=1, oldest_s=found.oldest_s)
        assert 90 < found.oldest_s < 180  # since they were made, not since their turn
        assert queue.busy_workers() == {"i-1"}
        assert 0 < (queue.run_s() or 0) < 60  # the server's clock, not ours
        with pytest.raises(InvalidRequest, match="no work pool 'nowhere'"):
            PrefectQueue(server, "nowhere").check()
