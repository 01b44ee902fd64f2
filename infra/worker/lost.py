"""Runs whose host is gone are found by their silence, and put back.

A run that is held renews its `updated` time (`infra.worker.pulse`). Whoever looks sees one time
stand still for `lost_s` of his own clock, through looks that all succeeded: no clocks are
compared, and while the server is away nobody is declared lost. All workers of a pool look;
`python -m infra.worker.lost POOL...` looks where there may be none.
"""

import asyncio
import logging
import sys
import time
from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

import httpx
from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterState,
    FlowRunFilterStateType,
    WorkPoolFilter,
    WorkPoolFilterName,
)
from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.states import Cancelled, Crashed

from infra.worker import outcome
from infra.worker.settings import WorkerSettings

HELD = [StateType.PENDING, StateType.RUNNING, StateType.CANCELLING]
PAGE = 200
LOOKS = 6  # in the time after which a run is lost

log = logging.getLogger(__name__)


class Silences:
    """Which of the times that are shown to it have not changed for `bound_s`."""

    def __init__(self, bound_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._bound_s, self._clock = bound_s, clock
        self._seen: dict[UUID, tuple[datetime | None, float]] = {}

    def look(self, signs: Mapping[UUID, datetime | None]) -> list[UUID]:
        now = self._clock()
        before = self._seen
        self._seen = {
            run: before[run] if run in before and before[run][0] == sign else (sign, now)
            for run, sign in signs.items()
        }
        return [run for run, (_, since) in self._seen.items() if now - since >= self._bound_s]

    def forget(self) -> None:
        """After a look that failed: signs may have been missed."""
        self._seen = {}


class LostRuns:
    def __init__(self, client: PrefectClient, pools: list[str], bound_s: float) -> None:
        self._client, self._pools = client, pools
        self._silences = Silences(bound_s)
        self._every_s = bound_s / LOOKS
        self._bound_s = bound_s

    async def watch(self, ours: Callable[[], Collection[UUID]]) -> None:
        """For ever. The runs that are `ours` are left alone: their worker watches its child."""
        while True:
            try:
                await self.look(ours())
            except httpx.HTTPError as error:
                self._silences.forget()
                log.warning("Cannot look for lost runs: %r", error)
            await asyncio.sleep(self._every_s)

    async def look(self, ours: Collection[UUID] = ()) -> list[UUID]:
        """The runs that were taken from their host."""
        held = {run.id: run for run in await self._held() if run.id not in ours}
        silent = self._silences.look({run.id: run.updated for run in held.values()})
        return [run for run in silent if await self._take(held[run])]

    async def _held(self) -> list[FlowRun]:
        states = FlowRunFilterState(type=FlowRunFilterStateType(any_=HELD))
        found: list[FlowRun] = []
        while True:
            page = await self._client.read_flow_runs(
                flow_run_filter=FlowRunFilter(state=states),
                work_pool_filter=WorkPoolFilter(name=WorkPoolFilterName(any_=self._pools)),
                limit=PAGE,
                offset=len(found),
            )
            found += page
            if len(page) < PAGE:
                return found

    async def _take(self, seen: FlowRun) -> bool:
        reason = f"its process gave no sign of life for {self._bound_s:g} s"
        said = f"Lost: {reason}; tried once more."
        again = await outcome.second_try(self._client, seen.id, said)
        now = await self._client.read_flow_run(seen.id)
        if now.updated != seen.updated or now.state is None:
            return False  # a sign, or another who looks, came between
        log.error("Run %s is lost: %s", now.id, reason)
        await outcome.crash_tasks(self._client, now.id)
        if now.state.type is StateType.CANCELLING:
            again = Cancelled(message=f"Lost: {reason}.")
        last: State[Any] = Crashed(message=f"Lost: {reason}.")
        await outcome.propose(self._client, now.id, again or last)
        return True


async def _main(pools: list[str]) -> None:
    async with get_client() as client:
        await LostRuns(client, pools, WorkerSettings().lost_s).watch(lambda: ())


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    if not sys.argv[1:]:
        sys.exit("name the work pools: python -m infra.worker.lost cpu gpu")
    asyncio.run(_main(sys.argv[1:]))
