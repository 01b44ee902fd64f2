"""`python -m infra.pools` makes the work pools and their queues, or brings them up to date.

What is there already stays: runs, queues of the operator's own, limits and pauses.
"""

from functools import partial
from typing import Any

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import WorkPoolCreate, WorkPoolUpdate
from prefect.exceptions import ObjectNotFound
from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from infra.set_up import run
from infra.worker.worker import WarmProcessWorker
from models.errors import InvalidRequest

VARIABLES = {"preload", "max_runs", "max_memory_mb", "memory_limit_mb", "timeout_s"}
QUEUES = {"high": 1, "default": 2, "batch": 3}  # priority: 1 is served first


class PoolSettings(BaseSettings):
    """CPU_POOL and GPU_POOL name the pools; the rest is AVATAR_POOL_NAME in the environment."""

    model_config = SettingsConfigDict(env_prefix="AVATAR_POOL_", frozen=True, populate_by_name=True)

    cpu: str = Field(default="cpu", min_length=1, validation_alias="CPU_POOL")
    gpu: str = Field(default="gpu", min_length=1, validation_alias="GPU_POOL")
    preload: list[str] = Field(default=["tasks.loaded:preload"], description="See the worker.")
    max_runs: int = Field(default=500, ge=1, description="Runs after which a child is replaced.")
    max_memory_mb: int | None = Field(default=4096, ge=1, description="The same for its memory.")
    memory_limit_mb: int | None = Field(default=None, ge=1, description="Killed in its run above.")
    timeout_s: float | None = Field(default=3600, gt=0, description="Longest run.")

    @property
    def names(self) -> list[str]:
        return list(dict.fromkeys([self.cpu, self.gpu]))

    @property
    def variables(self) -> dict[str, Any]:
        return self.model_dump(include=VARIABLES)


def template(settings: PoolSettings) -> dict[str, Any]:
    """The worker's own base job template with our defaults in it."""
    made = WarmProcessWorker.get_default_base_job_template()
    for name, value in settings.variables.items():
        made["variables"]["properties"][name]["default"] = value
    return made


def make_pools(client: SyncPrefectClient, settings: PoolSettings) -> list[str]:
    """What was done, a line a pool. Raises InvalidRequest for a pool of another type."""
    job = template(settings)
    return [_pool(client, name, job) + _queues(client, name) for name in settings.names]


def _pool(client: SyncPrefectClient, name: str, job: dict[str, Any]) -> str:
    kind = WarmProcessWorker.type
    try:
        pool = client.read_work_pool(name)
    except ObjectNotFound:
        client.create_work_pool(WorkPoolCreate(name=name, type=kind, base_job_template=job))
        return f"pool {name}: made"
    if pool.type != kind:
        raise InvalidRequest(
            f"the work pool {name} is of type {pool.type}, not {kind}: delete it, "
            "or name another in CPU_POOL and GPU_POOL"
        )
    if pool.base_job_template == job:
        return f"pool {name}: is there"
    client.update_work_pool(name, WorkPoolUpdate(base_job_template=job))
    return f"pool {name}: job template brought up to date"


def _queues(client: SyncPrefectClient, pool: str) -> str:
    done = [f"queue {name} {did}" for name in QUEUES if (did := _queue(client, pool, name))]
    return "".join(f", {each}" for each in done)


def _queue(client: SyncPrefectClient, pool: str, name: str) -> str:
    """In ascending priority, since Prefect pushes the others back for a new queue."""
    priority = QUEUES[name]
    try:
        queue = client.read_work_queue_by_name(name, work_pool_name=pool)
    except ObjectNotFound:
        client.create_work_queue(name, work_pool_name=pool, priority=priority)
        return f"made with priority {priority}"
    if queue.priority == priority:
        return ""
    client.update_work_queue(queue.id, priority=priority)
    return f"moved to priority {priority}"


if __name__ == "__main__":
    run(partial(make_pools, settings=PoolSettings()))
