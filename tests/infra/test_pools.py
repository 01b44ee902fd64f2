"""Pools and queues in Prefect's real API."""

from collections.abc import Iterator
from uuid import uuid4

import pytest
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.client.schemas.filters import WorkQueueFilter

from infra.pools import PoolSettings, make_pools
from models.errors import InvalidRequest
from tests.prefect_here import prefect_server

__all__ = ["prefect_server"]


@pytest.fixture
def client(prefect_server: None) -> Iterator[SyncPrefectClient]:
    with get_client(sync_client=True) as client:
        yield client


@pytest.fixture
def settings() -> PoolSettings:
    return PoolSettings(cpu=f"cpu-{uuid4()}", gpu=f"gpu-{uuid4()}", max_runs=7)


def priorities(client: SyncPrefectClient, pool: str) -> dict[str, int | None]:
    every = WorkQueueFilter()
    found = client.read_work_queues(pool, every, limit=10, offset=0)
    return {queue.name: queue.priority for queue in found}


def test_both_pools_get_queues_in_the_order_of_their_priority(
    client: SyncPrefectClient, settings: PoolSettings
) -> None:
    make_pools(client, settings)
    for name in settings.names:
        assert client.read_work_pool(name).type == "warm-process"
        assert priorities(client, name) == {"high": 1, "default": 2, "batch": 3}


def test_the_defaults_reach_the_job_template(
    client: SyncPrefectClient, settings: PoolSettings
) -> None:
    make_pools(client, settings)
    variables = client.read_work_pool(settings.cpu).base_job_template["variables"]["properties"]
    assert variables["preload"]["default"] == ["tasks.loaded:preload"]
    assert variables["max_runs"]["default"] == 7


def test_a_second_time_changes_nothing(client: SyncPrefectClient, settings: PoolSettings) -> None:
    make_pools(client, settings)
    assert make_pools(client, settings) == [f"pool {name}: is there" for name in settings.names]


def test_other_defaults_update_the_template_and_keep_an_operator_s_queue(
    client: SyncPrefectClient, settings: PoolSettings
) -> None:
    make_pools(client, settings)
    client.create_work_queue("mine", work_pool_name=settings.cpu, priority=1)
    said = make_pools(client, settings.model_copy(update={"max_runs": 9}))
    assert "job template brought up to date" in said[0]
    assert "queue high moved to priority 1" in said[0]
    now = priorities(client, settings.cpu)
    assert now == {"high": 1, "default": 2, "batch": 3, "mine": now["mine"]}


def test_a_pool_of_another_type_is_not_taken_over(
    client: SyncPrefectClient, settings: PoolSettings
) -> None:
    client.create_work_pool(WorkPoolCreate(name=settings.gpu, type="process"))
    with pytest.raises(InvalidRequest, match=f"{settings.gpu} is of type process"):
        make_pools(client, settings)
