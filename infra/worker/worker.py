"""The worker type `warm-process`: flow runs in long-lived children, with models in memory."""

import asyncio
import signal
from contextlib import suppress
from typing import Any
from uuid import UUID

import anyio
from anyio.abc import TaskStatus
from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.settings import PREFECT_WORKER_QUERY_SECONDS
from prefect.states import Cancelled, Crashed, Failed
from prefect.workers.base import (
    BaseJobConfiguration,
    BaseVariables,
    BaseWorker,
    BaseWorkerResult,
)
from pydantic import Field

from infra.worker import metrics, private
from infra.worker.drain import Drain
from infra.worker.messages import Ended, Ending, Run
from infra.worker.requeue import requeue_once
from infra.worker.settings import WorkerSettings
from infra.worker.slot import Died, Limits, Slot, TookTooLong

PRELOAD: Any = Field(
    default_factory=list,
    description="MODULE:FUNCTION that each child calls before its first run.",
)
MAX_RUNS = Field(default=500, ge=1, description="Runs after which a child is replaced.")
MAX_MEMORY = Field(
    default=None, ge=1, description="Memory in MiB above which a child is replaced after its run."
)
TIMEOUT = Field(
    default=None, gt=0, description="Seconds after which a run's process is killed, if ever."
)


class WarmConfiguration(BaseJobConfiguration):
    preload: list[str] = PRELOAD
    max_runs: int = MAX_RUNS
    max_memory_mb: int | None = MAX_MEMORY
    timeout_s: float | None = TIMEOUT

    @property
    def limits(self) -> Limits:
        return Limits(self.max_runs, self.max_memory_mb, self.timeout_s)


class WarmVariables(BaseVariables):
    preload: list[str] = PRELOAD
    max_runs: int = MAX_RUNS
    max_memory_mb: int | None = MAX_MEMORY
    timeout_s: float | None = TIMEOUT


class WarmResult(BaseWorkerResult):
    """Zero, whatever happened: this worker has told the server itself."""


class WarmProcessWorker(BaseWorker[WarmConfiguration, WarmVariables, WarmResult]):
    type = "warm-process"
    job_configuration = WarmConfiguration
    job_configuration_variables = WarmVariables
    _display_name = "Warm process"
    _description = "Runs flows in long-lived processes that keep their models in memory."

    def __init__(self, *args: Any, **options: Any) -> None:  # noqa: ANN401, Prefect's own
        super().__init__(*args, **options)
        self._machine = WorkerSettings()
        self._slots: list[Slot] = []
        self._free: asyncio.Queue[Slot] = asyncio.Queue()
        self._active: dict[UUID, Slot] = {}
        self._counts = {"runs_total": 0, "crashes_total": 0, "cancelled_total": 0}
        self._drain: Drain | None = None
        places = len(self._machine.devices)
        self._limit = min(self._limit or places, places)

    async def start(self, *args: Any, **options: Any) -> None:  # noqa: ANN401, Prefect's own
        self._drain = Drain(self, self._machine.drain_s)
        with suppress(NotImplementedError, RuntimeError, ValueError):
            for number in (signal.SIGTERM, signal.SIGINT):
                asyncio.get_running_loop().add_signal_handler(number, self._drain.begin)
        await super().start(*args, **options)

    async def setup(self) -> None:
        await super().setup()
        self._watch = await self._exit_stack.enter_async_context(
            private.watch_cancelling(self._cancel)
        )
        if self._machine.port is not None:
            server = await metrics.serve(
                self._machine.host, self._machine.port, self.measure, self._healthy
            )
            self._exit_stack.callback(server.close)
        if self._work_pool is not None:
            await self._open_slots()

    async def teardown(self, *exc_info: Any) -> None:  # noqa: ANN401, Prefect's own
        await asyncio.gather(*(slot.close() for slot in self._slots))
        await super().teardown(*exc_info)

    async def get_and_submit_flow_runs(self) -> list[FlowRun]:
        if self._drain is not None and self._drain.begun:
            return []
        return await super().get_and_submit_flow_runs()

    async def run(
        self,
        flow_run: FlowRun,
        configuration: WarmConfiguration,
        task_status: TaskStatus[int] | None = None,
    ) -> WarmResult:
        if not self._slots:
            await self._open_slots()
        slot = await self._free.get()
        try:
            pid = await slot.warm()
            (task_status or anyio.TASK_STATUS_IGNORED).started(pid)
            self._active[flow_run.id] = slot
            self._watch.add_in_flight_flow_run_id(flow_run.id)
            await self._supervise(flow_run, slot, configuration)
        finally:
            self._active.pop(flow_run.id, None)
            self._watch.remove_in_flight_flow_run_id(flow_run.id)
            slot.cancelled = False
            self._free.put_nowait(slot)
        if slot.pid is None:
            self._soon(slot)
        return WarmResult(status_code=0, identifier=str(pid))

    @property
    def active(self) -> set[UUID]:
        """Runs that this worker has taken and not finished."""
        return self._submitting_flow_run_ids | set(self._active)

    async def kill_all(self) -> None:
        await asyncio.gather(*(slot.kill() for slot in self._active.values()))

    def measure(self) -> dict[str, float]:
        return {
            "slots": len(self._slots),
            "busy": len(self._active),
            "children": sum(slot.pid is not None for slot in self._slots),
            "child_starts_total": sum(slot.starts for slot in self._slots),
            "memory_bytes": sum(slot.memory_mb for slot in self._slots) << 20,
            **self._counts,
        }

    def _healthy(self) -> bool:
        return bool(self.is_worker_still_polling(PREFECT_WORKER_QUERY_SECONDS.value()))

    async def _open_slots(self) -> None:
        """Start every child, warm, by what the pool says."""
        configuration: WarmConfiguration = await WarmConfiguration.from_template_and_values(
            self.work_pool.base_job_template, {}, client=self.client
        )
        self._slots = [Slot(device, configuration.preload) for device in self._machine.devices]
        await asyncio.gather(*(slot.warm() for slot in self._slots))
        for slot in self._slots:
            self._free.put_nowait(slot)

    async def _supervise(
        self, flow_run: FlowRun, slot: Slot, configuration: WarmConfiguration
    ) -> None:
        self._counts["runs_total"] += 1
        message = Run(run=flow_run.id, env=configuration.env)
        try:
            ended = await slot.run(message, configuration.limits)
        except TookTooLong as error:
            await self._tell(flow_run, Failed(name="TimedOut", message=f"Timed out: {error}"))
        except Died as error:
            await self._after_death(flow_run, slot, str(error))
        else:
            await self._after_end(flow_run, slot, ended)

    async def _after_end(self, flow_run: FlowRun, slot: Slot, ended: Ended) -> None:
        if ended.how is Ending.CANCELLED and slot.cancelled:
            await self._tell(flow_run, Cancelled(message="Cancelled; its process stays warm."))
        elif ended.how is Ending.UNLOADABLE:
            await self._tell(flow_run, Failed(message=f"The flow cannot load: {ended.reason}"))

    async def _after_death(self, flow_run: FlowRun, slot: Slot, how: str) -> None:
        if slot.cancelled:
            await self._tell(flow_run, Cancelled(message="Cancelled; its process was killed."))
            return
        self._counts["crashes_total"] += 1
        await self._tell(flow_run, Crashed(message=f"The run crashed: {how}."))
        await requeue_once(self.client, flow_run.id)

    async def _tell(self, flow_run: FlowRun, state: State[Any]) -> None:
        """A run that ended by itself a moment before keeps its state."""
        if state.type is StateType.CANCELLED:
            self._counts["cancelled_total"] += 1
        now = (await self.client.read_flow_run(flow_run.id)).state
        if now is None or not now.is_final():
            await self.client.set_flow_run_state(flow_run.id, state)

    def _cancel(self, flow_run_id: UUID) -> None:
        slot = self._active.get(flow_run_id)
        if slot is not None and self._runs_task_group is not None:
            self._runs_task_group.start_soon(slot.cancel, flow_run_id)

    def _soon(self, slot: Slot) -> None:
        if self._runs_task_group is not None and not (self._drain and self._drain.begun):
            self._runs_task_group.start_soon(self._rewarm, slot)

    async def _rewarm(self, slot: Slot) -> None:
        try:
            await slot.warm()
        except Died as error:
            self._logger.error("A child does not start: %s; the next run tries again", error)
