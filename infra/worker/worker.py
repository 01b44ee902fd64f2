"""The worker type `warm-process`: flow runs in long-lived children, with models in memory.

Prefect's own loop calls `get_and_submit_flow_runs`; from there on the way of a run is ours, which
is short: a free child, a claim (`infra.worker.custody`), and the child is told.
"""

import asyncio
import signal
from collections import Counter
from contextlib import AsyncExitStack, suppress
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import anyio
import httpx
from anyio.abc import TaskStatus
from prefect.client.schemas.objects import FlowRun
from prefect.client.schemas.responses import WorkerFlowRunResponse
from prefect.logging import get_logger
from prefect.settings import (
    PREFECT_CLIENT_MAX_RETRIES,
    PREFECT_WORKER_QUERY_SECONDS,
    temporary_settings,
)
from prefect.workers.base import BaseWorker, BaseWorkerResult

from infra.worker import metrics, private
from infra.worker.configuration import Job, WarmConfiguration, WarmVariables
from infra.worker.custody import Custody
from infra.worker.drain import Drain
from infra.worker.gpus import Gpus
from infra.worker.lost import LostRuns
from infra.worker.scratch import Scratch
from infra.worker.settings import WorkerSettings
from infra.worker.slot import Died, Patience, Slot
from infra.worker.turns import Turns
from models.tally import Name

log = get_logger("workers.warm-process")
START_AGAIN_S = 5.0
COUNTED = ("runs", "crashes", "cancelled")
FETCHED = 3  # runs more than there are free children: another worker may be quicker


class WarmResult(BaseWorkerResult):
    """Zero, whatever happened: this worker has told the server itself."""


class WarmProcessWorker(BaseWorker[WarmConfiguration, WarmVariables, WarmResult]):
    type = "warm-process"
    job_configuration = WarmConfiguration
    job_configuration_variables = WarmVariables
    _display_name = "Warm process"
    _description = "Runs flows in long-lived processes that keep their models in memory."

    def __init__(
        self,
        work_pool_name: str,
        work_queues: list[str] | None = None,
        *args: Any,  # noqa: ANN401, Prefect's own
        limit: int | None = None,
        **options: Any,  # noqa: ANN401
    ) -> None:
        super().__init__(work_pool_name, work_queues, *args, **options)
        self._machine = WorkerSettings()
        self._pool, self._queues = work_pool_name, list(work_queues or [])
        self._devices = self._machine.devices[:limit]
        self._gpus = Gpus(self._devices)
        self._slots: list[Slot] = []
        self._free: list[Slot] = []
        self._active: dict[UUID, Slot] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._custody: Custody | None = None
        self._drain: Drain | None = None
        self._open = AsyncExitStack()
        self._polling = asyncio.Lock()

    async def start(self, *args: Any, **options: Any) -> None:  # noqa: ANN401, Prefect's own
        self._drain = Drain(self, self._machine.drain_s)
        with suppress(NotImplementedError, RuntimeError, ValueError):
            for number in (signal.SIGTERM, signal.SIGINT):
                asyncio.get_running_loop().add_signal_handler(number, self._drain.begin)
        with temporary_settings({PREFECT_WORKER_QUERY_SECONDS: self._machine.poll_s}):
            await super().start(*args, **options)

    async def setup(self) -> None:
        await super().setup()
        self._scratch = Scratch(self._machine.temporary)
        self._open.callback(self._scratch.close)
        self._watch = await self._open.enter_async_context(private.watch_cancelling(self._cancel))
        if self._machine.port is not None:
            checks = {"/healthz": self._unhealthy, "/readyz": self._unready}
            server = await metrics.serve(
                self._machine.host, self._machine.port, self.measure, checks
            )
            self._open.callback(server.close)
        lost = LostRuns(self.client, [self._pool], self._machine.lost_s)
        self._spawn(lost.watch(lambda: self.active))
        self._spawn(Turns(self.client, self._pool).watch())

    async def teardown(self, *exc_info: Any) -> None:  # noqa: ANN401, Prefect's own
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.gather(*(slot.close() for slot in self._slots))
        await self._open.aclose()
        await super().teardown(*exc_info)

    async def sync_with_backend(self) -> None:
        """While the server is away the worker stays: its children may hold runs."""
        try:
            await super().sync_with_backend()
        except httpx.TransportError as error:
            log.warning("Prefect's API does not answer: %r", error)

    async def get_and_submit_flow_runs(self) -> list[FlowRun]:
        """Take as many runs as there are children free; none while draining."""
        if not self._slots and not self._draining:
            await self._open_slots()
        async with self._polling:
            self._replace_dead()
            if self._draining or not self._free:
                private.note_poll(self)
                return []
            try:
                found = await self._fetch(len(self._free) + FETCHED)
            except (httpx.TransportError, httpx.HTTPStatusError) as error:
                log.warning("Cannot ask for runs, tried again soon: %r", error)
                return []
            private.note_poll(self)
            return [run for run in found if self._begin(run)]

    async def run(
        self,
        flow_run: FlowRun,
        configuration: WarmConfiguration,
        task_status: TaskStatus[int] | None = None,
    ) -> WarmResult:
        """For Prefect's `submit`, which brings runs of its own; the pool's take `_hold`."""
        while not self._free or self._custody is None:
            await asyncio.sleep(self._machine.poll_s)
        slot = self._free.pop(0)
        pid = str(slot.pid)
        (task_status or anyio.TASK_STATUS_IGNORED).started(slot.pid or 0)
        self._active[flow_run.id] = slot
        try:
            await self._custody.see_through(flow_run, slot, Job(configuration, None))
        finally:
            self._release(flow_run.id, slot)
        return WarmResult(status_code=0, identifier=pid)

    @property
    def active(self) -> set[UUID]:
        """Runs that this worker has taken and not finished."""
        return set(self._active)

    async def kill_all(self) -> None:
        await asyncio.gather(*(slot.kill() for slot in self._active.values()))

    def measure(self) -> dict[Name, float]:
        counts = self._custody.counts if self._custody else Counter[str]()
        own = {
            "slots": len(self._slots),
            "busy": len(self._active),
            "children": sum(slot.pid is not None for slot in self._slots),
            "child_starts_total": sum(slot.starts for slot in self._slots),
            "memory_bytes": sum(slot.memory_mb for slot in self._slots) << 20,
            **{f"{what}_total": counts[f"{what}_total"] for what in COUNTED},
        }
        done: Counter[Name] = Counter()
        for slot in self._slots:
            done.update(slot.done)  # a sum would drop what is nought
        return {Name(text): value for text, value in own.items()} | done | self._gpus.measure()

    @property
    def _draining(self) -> bool:
        return self._drain is not None and self._drain.begun

    def _unhealthy(self) -> str | None:
        return None if self.is_worker_still_polling(self._machine.poll_s) else "not polling"

    def _unready(self) -> str | None:
        if self._draining:
            return "stopping"
        warm = sum(slot.is_warm for slot in self._slots)
        return None if warm == len(self._devices) else f"{warm} of {len(self._devices)} children"

    def _spawn(self, work: Any) -> None:  # noqa: ANN401, a coroutine
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            log.error("A task of the worker failed", exc_info=error)

    async def _open_slots(self) -> None:
        """Start every child, warm, by what the pool says. Nothing where the pool is unknown."""
        try:
            template = self.work_pool.base_job_template
        except RuntimeError:
            return
        pool: WarmConfiguration = await WarmConfiguration.from_template_and_values(
            template, {}, client=self.client
        )
        patience = Patience(self._machine.start_s, self._machine.hang_s)
        lock = self._scratch.lock_file
        self._custody = self._make_custody()
        self._slots = [Slot(device, pool.preload, patience, lock) for device in self._devices]
        for slot in self._slots:
            self._spawn(self._make_free(slot))

    async def _make_free(self, slot: Slot) -> None:
        while not self._draining:
            try:
                await slot.warm()
            except Died as error:
                log.error("A child does not start: %s; tried again", error)
                await asyncio.sleep(START_AGAIN_S)
            else:
                self._free.append(slot)
                await self.get_and_submit_flow_runs()
                return

    def _replace_dead(self) -> None:
        """Children that died between two runs."""
        for slot in [slot for slot in self._free if slot.pid is None]:
            log.warning("A child died while it waited: another is started")
            self._free.remove(slot)
            self._spawn(self._make_free(slot))

    async def _fetch(self, most: int) -> list[FlowRun]:
        body: dict[str, Any] = {"scheduled_before": datetime.now(UTC).isoformat(), "limit": most}
        if self._queues:
            body["work_queue_names"] = self._queues
        with temporary_settings({PREFECT_CLIENT_MAX_RETRIES: 0}):
            answer = await self.client.request(
                "POST",
                "/work_pools/{name}/get_scheduled_flow_runs",
                path_params={"name": self._pool},
                json=body,
            )
        return [
            entry.flow_run for entry in WorkerFlowRunResponse.model_validate_list(answer.json())
        ]

    def _begin(self, run: FlowRun) -> bool:
        if run.id in self._active or not self._free or self._custody is None:
            return False
        slot = self._free.pop(0)
        self._active[run.id] = slot
        self._spawn(self._hold(self._custody, run, slot))
        return True

    async def _hold(self, custody: Custody, run: FlowRun, slot: Slot) -> None:
        self._watch.add_in_flight_flow_run_id(run.id)
        self.get_flow_run_logger(run).info("Runs in process %s of %s", slot.pid, self.name)
        try:
            await custody.take(run, slot)
        finally:
            self._watch.remove_in_flight_flow_run_id(run.id)
            self._release(run.id, slot)

    def _release(self, run: UUID, slot: Slot) -> None:
        del self._active[run]
        self._spawn(self._make_free(slot))

    def _make_custody(self) -> Custody:
        labels: dict[str, bool | int | float | str] = {
            "prefect.worker.name": self.name,
            "prefect.worker.type": self.type,
            "prefect.work-pool.name": self._pool,
        }
        return Custody(
            self.client,
            lambda: self.work_pool.base_job_template,
            labels,
            self._scratch,
            log,
        )

    def _cancel(self, flow_run_id: UUID) -> None:
        slot = self._active.get(flow_run_id)
        if slot is not None:
            self._spawn(slot.cancel(flow_run_id))
