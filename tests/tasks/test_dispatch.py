"""Turns in a real queue: Prefect's server, and a warm worker that takes one run at a time."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID

import pytest
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterTags
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.settings import PREFECT_API_URL, temporary_settings

from infra.pools import PoolSettings, make_pools
from infra.worker.turns import Turns
from models.errors import InvalidRequest, ServiceUnavailable
from models.fair_share import CALLER
from tasks.dispatch import submit

POOL = "fair"
NAME = "turn/fair"
FLOW = """
from prefect import flow

@flow(name="turn", persist_result=False)
def turn(who: str = ""):
    pass
"""


@pytest.fixture(scope="module")
def client(
    prefect_server: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[SyncPrefectClient]:
    """With the deployment turn/fair."""
    folder = tmp_path_factory.mktemp("fair")
    (folder / "turn.py").write_text(FLOW)
    set_folder = {"prefect.deployments.steps.set_working_directory": {"directory": str(folder)}}
    with get_client(sync_client=True) as client:
        make_pools(client, PoolSettings(cpu=POOL, gpu=POOL, preload=[]))
        client.create_deployment(
            client.create_flow_from_name("turn"),
            "fair",
            version="1",
            entrypoint="turn.py:turn",
            pull_steps=[set_folder],
            work_pool_name=POOL,
            work_queue_name="default",
            parameter_openapi_schema={"type": "object", "properties": {}},
        )
        yield client


@contextmanager
def worker(log: Path) -> Iterator[None]:
    changes = {"PREFECT_WORKER_QUERY_SECONDS": "0.1", "CUDA_VISIBLE_DEVICES": ""}
    command = [sys.executable, "-m", "prefect", "worker", "start", "--pool", POOL]
    with log.open("wb") as out:
        process = subprocess.Popen(command, env=os.environ | changes, stdout=out, stderr=out)
    try:
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(30)
        finally:
            process.kill()


def finished(client: SyncPrefectClient, ids: list[UUID]) -> list[FlowRun]:
    """All of them, in the order of their starts."""
    until = time.monotonic() + 120
    while time.monotonic() < until:
        runs = [client.read_flow_run(id) for id in ids]
        if all(run.state_type is StateType.COMPLETED for run in runs):
            return sorted(runs, key=lambda run: run.start_time or run.created)  # type: ignore[arg-type,return-value]
        time.sleep(0.3)
    pytest.fail(f"{[run.state_type for run in runs]} after 120 s")


def who(run: FlowRun) -> str:
    return str(run.parameters["who"])


def asked(name: str, caller: str, queue: str = "default", cost_s: float = 10.0) -> UUID:
    return submit(NAME, {"who": name}, caller=caller, cost_s=cost_s, queue=queue).id


def test_runs_start_by_urgency_and_then_in_turn(client: SyncPrefectClient, tmp_path: Path) -> None:
    ids = [asked(f"many-{number}", "many") for number in range(8)]
    ids += [asked(f"few-{number}", "few") for number in range(3)]
    ids += [asked("later", "few", "batch"), asked("now", "few", "high")]
    with worker(tmp_path / "worker.log"):
        order = [who(run) for run in finished(client, ids)]
    assert order[0] == "now"
    assert order[-1] == "later"
    assert [name for name in order if "many" in name] == [f"many-{n}" for n in range(8)]
    for number in range(3):
        before = order[: order.index(f"few-{number}")]
        assert sum("many" in name for name in before) <= number + 2


def give_turns() -> list[UUID]:
    async def give() -> list[UUID]:
        async with get_client() as asynchronous:
            return await Turns(asynchronous, POOL).give()

    return asyncio.run(give())


def test_runs_from_prefect_s_page_get_their_turns(client: SyncPrefectClient) -> None:
    ids = [asked(f"many-{number}", "many", cost_s=20) for number in range(3)]
    target = client.read_deployment_by_name(NAME)
    pages = [client.create_flow_run_from_deployment(target.id).id for _ in range(2)]
    try:
        assert give_turns() == pages
        assert give_turns() == []
        due = [client.read_flow_run(id).next_scheduled_start_time for id in (*ids, *pages)]
    finally:
        for id in (*ids, *pages):
            client.delete_flow_run(id)
    first, second, third, page, next_page = [time for time in due if time is not None]
    assert first < second < page < third < next_page


def test_runs_from_prefect_s_page_stay_where_no_turns_lie_before_them(
    client: SyncPrefectClient,
) -> None:
    target = client.read_deployment_by_name(NAME)
    run = client.create_flow_run_from_deployment(target.id)
    try:
        assert give_turns() == []
        assert client.read_flow_run(run.id).tags == run.tags
    finally:
        client.delete_flow_run(run.id)


def test_what_waits_is_due_and_marked(client: SyncPrefectClient) -> None:
    run = submit(
        NAME, {"who": "a"}, caller="a", cost_s=3600, queue="batch", video="v1", tags=["more"]
    )
    other = submit(NAME, {"who": "a"}, caller="a", cost_s=3600, queue="batch")
    now = client.read_flow_run(run.id)
    assert {f"{CALLER}a", "video:v1", "more"} <= set(now.tags)
    assert now.work_queue_name == "batch"
    assert run.expected_start_time is not None
    assert other.expected_start_time is not None
    ahead_s = (other.expected_start_time - run.expected_start_time).total_seconds()
    assert 0 < ahead_s < 0.01
    for one in (run, other):
        client.delete_flow_run(one.id)


def test_the_same_key_makes_one_run(client: SyncPrefectClient) -> None:
    first, again = (
        submit(NAME, {"who": "a"}, caller="once", cost_s=1, queue="batch", key="k") for _ in "12"
    )
    assert first.id == again.id
    mine = FlowRunFilter(tags=FlowRunFilterTags(all_=[f"{CALLER}once"]))
    assert len(client.read_flow_runs(flow_run_filter=mine)) == 1
    client.delete_flow_run(first.id)


def test_a_deployment_that_is_not_there_is_named(client: SyncPrefectClient) -> None:
    with pytest.raises(InvalidRequest, match=r"no deployment 'turn/nowhere'"):
        submit("turn/nowhere", {}, caller="a", cost_s=1)


def test_a_server_that_is_away_is_said(client: SyncPrefectClient) -> None:
    with (
        temporary_settings({PREFECT_API_URL: "http://127.0.0.1:9/api"}),
        pytest.raises(ServiceUnavailable, match="does not answer"),
    ):
        submit(NAME, {}, caller="a", cost_s=1)
