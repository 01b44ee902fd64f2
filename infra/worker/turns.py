"""Runs that nobody gave a turn, from Prefect's page or a schedule, get one.

Such a run waits with the time at which it was asked for, behind all whose times were made by
`models.fair_share`: while these never run out, its turn would never come. Every worker of a pool
looks; the callers of such runs are one caller, PREFECT.
"""

import asyncio
import logging
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import httpx
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterNextScheduledStartTime,
    FlowRunFilterState,
    FlowRunFilterStateName,
    FlowRunFilterTags,
    WorkPoolFilter,
    WorkPoolFilterName,
    WorkQueueFilter,
    WorkQueueFilterId,
)
from prefect.client.schemas.objects import FlowRun
from prefect.client.schemas.sorting import FlowRunSort
from prefect.states import Scheduled

from infra.worker import outcome
from models.fair_share import CALLER, HORIZON, WAITING, start_time

PREFECT = f"{CALLER}prefect"
COST_S = 30.0  # of a run that nobody measured
EVERY_S = 10.0
AT_ONCE = 50
FIRST = FlowRunSort.NEXT_SCHEDULED_START_TIME_ASC
LAST = FlowRunSort.EXPECTED_START_TIME_DESC

log = logging.getLogger(__name__)


class Turns:
    def __init__(self, client: PrefectClient, pool: str) -> None:
        self._client, self._pool = client, pool

    async def watch(self) -> None:
        """For ever."""
        while True:
            try:
                await self.give()
            except httpx.HTTPError as error:
                log.warning("Cannot give runs their turns: %r", error)
            await asyncio.sleep(EVERY_S)

    async def give(self) -> list[UUID]:
        """The runs that were given a turn: only those with others' turns before them."""
        without = [run for run in await self._waiting(LAST, AT_ONCE) if not _has_caller(run)]
        return [run.id for run in reversed(without) if await self._adopt(run)]

    async def _adopt(self, run: FlowRun) -> bool:
        first = await self._waiting(FIRST, 1, run.work_queue_id)
        if not first or not _has_caller(first[0]):
            return False
        last = await self._waiting(LAST, 1, run.work_queue_id, PREFECT)
        head, own = first[0].next_scheduled_start_time, last and last[0].next_scheduled_start_time
        due = start_time(datetime.now(UTC), head, own or None, COST_S)
        if (await self._client.read_flow_run(run.id)).state_name not in WAITING:
            return False  # taken meanwhile
        await outcome.propose(self._client, run.id, Scheduled(scheduled_time=due))
        await self._client.update_flow_run(run.id, tags=[*run.tags, PREFECT])
        return True

    async def _waiting(
        self, sort: FlowRunSort, most: int, queue: UUID | None = None, tag: str | None = None
    ) -> list[FlowRun]:
        before: dict[str, Any] = {"before_": datetime.now(UTC) + HORIZON}
        only = WorkQueueFilter(id=WorkQueueFilterId(any_=[queue])) if queue else None
        return await self._client.read_flow_runs(
            flow_run_filter=FlowRunFilter(
                state=FlowRunFilterState(name=FlowRunFilterStateName(any_=list(WAITING))),
                next_scheduled_start_time=FlowRunFilterNextScheduledStartTime(**before),
                tags=FlowRunFilterTags(all_=[tag]) if tag else None,
            ),
            work_pool_filter=WorkPoolFilter(name=WorkPoolFilterName(any_=[self._pool])),
            work_queue_filter=only,
            sort=sort,
            limit=most,
        )


def _has_caller(run: FlowRun) -> bool:
    return any(tag.startswith(CALLER) for tag in run.tags)
