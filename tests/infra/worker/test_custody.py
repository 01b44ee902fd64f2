"""A claim, and a second try, whose answers are lost on the way.

A real server and a real child; the client's transport applies the call and drops its answer.
"""

import asyncio
import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.objects import FlowRun
from prefect.settings import (
    PREFECT_API_AUTH_STRING,
    PREFECT_CLIENT_MAX_RETRIES,
    temporary_settings,
)
from prefect.states import Crashed, Pending, Scheduled

from infra.worker import outcome
from infra.worker.custody import Custody
from infra.worker.lost import LostRuns
from infra.worker.scratch import Scratch
from infra.worker.slot import Patience, Slot
from infra.worker.worker import WarmProcessWorker
from tests.infra.worker.conftest import POOL, Stage


class LosesAnswers(httpx.AsyncHTTPTransport):
    """Of as many calls to set a state; the server has done what they say."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.left = count

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        answer = await super().handle_async_request(request)
        if self.left and request.url.path.endswith("/set_state"):
            self.left -= 1
            await answer.aread()
            raise httpx.ReadError("the connection was cut", request=request)
        return answer


def client_that_loses(stage: Stage, count: int) -> PrefectClient:
    return PrefectClient(
        str(stage.client.api_url),
        auth_string=PREFECT_API_AUTH_STRING.value(),
        httpx_settings={"transport": LosesAnswers(count)},
    )


@pytest.fixture
def retries(request: pytest.FixtureRequest) -> Iterator[None]:
    with temporary_settings({PREFECT_CLIENT_MAX_RETRIES: request.param}):
        yield


async def take(stage: Stage, run: FlowRun, folder: Path, *, lost: int) -> None:
    template: dict[str, Any] = WarmProcessWorker.get_default_base_job_template()
    async with client_that_loses(stage, lost) as client:
        scratch = Scratch(folder)
        custody = Custody(client, lambda: template, {}, scratch, logging.getLogger("custody"))
        slot = Slot(None, [], Patience(60, 60), scratch.lock_file)
        await slot.warm()
        try:
            await custody.take(run, slot)
        finally:
            await slot.close()
            scratch.close()


@pytest.mark.parametrize("retries", [0, 1], indirect=True, ids=["by-us", "by-the-client"])
def test_a_claim_whose_answer_is_lost_is_ours(stage: Stage, retries: None, tmp_path: Path) -> None:
    run, seen = stage.ask("nothing")
    asyncio.run(take(stage, stage.client.read_flow_run(run), tmp_path, lost=1))
    states = [state.name for state in stage.client.read_flow_run_states(run)]
    assert states == ["Scheduled", "Pending", "Running", "Completed"]
    assert (seen / "pids").exists()


def test_a_run_that_another_has_claimed_is_left_alone(stage: Stage, tmp_path: Path) -> None:
    run, seen = stage.ask("nothing")
    before = stage.client.read_flow_run(run)
    stage.client.set_flow_run_state(run, Pending())
    asyncio.run(take(stage, before, tmp_path, lost=0))
    assert stage.client.read_flow_run(run).state_name == "Pending"
    assert not (seen / "pids").exists()


def test_a_second_try_stands_where_the_run_stood(stage: Stage) -> None:
    place = datetime.now(UTC) - timedelta(hours=1)
    run = held(stage, place)

    async def crash() -> bool:
        async with client_that_loses(stage, 0) as client:
            return await outcome.crash(client, run, "host:1", "on purpose")

    assert asyncio.run(crash())
    now = stage.client.read_flow_run(run)
    assert now.state_name == "Requeued"
    assert now.next_scheduled_start_time == place
    names = [state.name for state in stage.client.read_flow_run_states(run)]
    assert names == ["Scheduled", "Pending", "Crashed", "Requeued"]


def test_two_who_find_a_run_lost_put_it_back_once(stage: Stage) -> None:
    place = datetime.now(UTC) - timedelta(hours=1)
    run = held(stage, place)

    async def propose_twice() -> None:
        async with client_that_loses(stage, 0) as client:
            again = [await outcome.second_try(client, run, "lost") for _ in range(2)]
            for state in again:
                assert state is not None
                await outcome.propose(client, run, state)

    asyncio.run(propose_twice())
    names = [state.name for state in stage.client.read_flow_run_states(run)]
    assert names == ["Scheduled", "Pending", "Requeued"]


def test_a_silent_run_is_put_back_in_its_place_and_the_second_time_crashes(stage: Stage) -> None:
    place = datetime.now(UTC) - timedelta(hours=1)
    run = held(stage, place)
    assert run in asyncio.run(look(stage))
    now = stage.client.read_flow_run(run)
    assert (now.state_name, now.next_scheduled_start_time) == ("Requeued", place)
    stage.client.set_flow_run_state(run, Pending())
    assert run in asyncio.run(look(stage))
    assert stage.client.read_flow_run(run).state_name == Crashed().name


def held(stage: Stage, place: datetime) -> UUID:
    """A run that someone claimed and no process holds."""
    run = stage.client.create_flow_run_from_deployment(
        stage.deployment, state=Scheduled(scheduled_time=place), parameters={"folder": "none"}
    )
    stage.client.set_flow_run_state(run.id, Pending())
    return run.id


async def look(stage: Stage) -> list[UUID]:
    """By one to whom no time at all is long enough."""
    async with client_that_loses(stage, 0) as client:
        lost = LostRuns(client, [POOL], 0)
        return await lost.look()
