"""Runs of a deployment that the flow run here has asked for: every call to Prefect about them."""

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
from prefect import Task
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import (
    ArtifactFilter,
    ArtifactFilterFlowRunId,
    ArtifactFilterType,
    FlowRunFilter,
    FlowRunFilterId,
    FlowRunFilterParentFlowRunId,
)
from prefect.client.schemas.objects import FlowRun, TaskRunResult, WorkerStatus
from prefect.context import FlowRunContext, TaskRunContext
from prefect.exceptions import ObjectNotFound, PrefectHTTPStatusError
from prefect.states import Cancelling, Pending, Scheduled

from models.errors import SetupError
from models.fair_share import CALLER, PACE, STEP
from models.journal import REQUEST, VIDEO
from tasks.dispatch import turn

PAGE = 200  # what the server lists at once
QUEUE = "default"
CANCELLERS = 8


class Subruns:
    """Of the deployment FLOW/NAME. Raises SetupError where there is none, or no run here."""

    def __init__(self, client: SyncPrefectClient, deployment: str) -> None:
        here = FlowRunContext.get()
        if here is None or here.flow_run is None:
            raise SetupError("a pool is asked only from inside a flow run: call the flow")
        self._client, self._name, self._parent = client, deployment, here.flow_run
        try:
            self._target = client.read_deployment_by_name(deployment)
        except ObjectNotFound as error:
            raise SetupError(
                f"Prefect has no deployment {deployment!r}: run `prefect --no-prompt deploy --all` "
                "or correct AVATAR_SEGMENT_DEPLOYMENT"
            ) from error
        self.pool = self._target.work_pool_name or ""
        self.queue = self._parent.work_queue_name or QUEUE
        self._tags = [tag for tag in self._parent.tags if tag.startswith((CALLER, VIDEO, REQUEST))]
        self._next: datetime | None = None

    def key(self, name: str, attempt: int) -> str:
        """What makes two requests the same one; a run that failed keeps its key too."""
        return f"{name}/{self._parent.id}/{attempt}"

    def asked(self) -> dict[str, FlowRun]:
        """By key, also what an earlier life of the parent asked for."""
        mine = FlowRunFilterParentFlowRunId(any_=[self._parent.id])
        found: list[FlowRun] = []
        while True:
            page = self._client.read_flow_runs(
                flow_run_filter=FlowRunFilter(parent_flow_run_id=mine),
                limit=PAGE,
                offset=len(found),
            )
            found += page
            if len(page) < PAGE:
                return {run.idempotency_key: run for run in found if run.idempotency_key}

    def ask(self, parameters: dict[str, Any], key: str, name: str, cost_s: float) -> FlowRun:
        """A new run in the parent's own queue, in its caller's turn, linked under this task."""
        return self._client.create_flow_run_from_deployment(
            self._target.id,
            parameters=parameters,
            name=name,
            state=Scheduled(scheduled_time=self._turn(cost_s)),
            tags=self._tags,
            idempotency_key=key,
            parent_task_run_id=self._link(key),
            work_queue_name=self.queue,
        )

    def states(self, ids: Sequence[UUID]) -> dict[UUID, FlowRun]:
        pages = (ids[first : first + PAGE] for first in range(0, len(ids), PAGE))
        return {
            run.id: run
            for page in pages
            for run in self._client.read_flow_runs(
                flow_run_filter=FlowRunFilter(id=FlowRunFilterId(any_=list(page))), limit=PAGE
            )
        }

    def progress(self, ids: Sequence[UUID]) -> dict[UUID, float]:
        """0..1 of each run that shows a progress artifact."""
        artifacts = self._client.read_artifacts(
            artifact_filter=ArtifactFilter(
                flow_run_id=ArtifactFilterFlowRunId(any_=list(ids)),
                type=ArtifactFilterType(any_=["progress"]),
            )
        )
        pairs = ((each.flow_run_id, each.data) for each in artifacts)
        return {id: float(str(percent)) / 100 for id, percent in pairs if id is not None}

    def cancel(self, runs: Iterable[FlowRun]) -> None:
        """All at once: whoever cancels us may not wait long."""
        with ThreadPoolExecutor(CANCELLERS) as threads:
            list(threads.map(self._cancel, runs))

    def served(self) -> bool:
        """Whether the pool has a worker that was heard of lately."""
        workers = self._client.read_workers_for_work_pool(self.pool)
        return any(worker.status is WorkerStatus.ONLINE for worker in workers)

    def _cancel(self, run: FlowRun) -> None:
        with suppress(httpx.TransportError, PrefectHTTPStatusError, ObjectNotFound):
            self._client.set_flow_run_state(run.id, Cancelling(message="Nobody waits for it."))

    def _link(self, key: str) -> UUID:
        """A task run that stands for the run in the parent's graph, as `run_deployment` makes."""
        stand_in: Task[[], None] = Task(fn=lambda: None, name=self._name)
        context = TaskRunContext.get()
        above = [TaskRunResult(id=context.task_run.id)] if context else []
        return self._client.create_task_run(
            task=stand_in,
            flow_run_id=self._parent.id,
            dynamic_key=key,
            state=Pending(),
            task_inputs={"__parents__": list(above)},
        ).id

    def _turn(self, cost_s: float) -> datetime:
        """The queue is asked once: what follows lies behind."""
        if self._next is None:
            caller = next((tag for tag in self._tags if tag.startswith(CALLER)), CALLER)
            self._next = turn(
                self._client, self.pool, self.queue, caller.removeprefix(CALLER), cost_s
            )
        else:
            self._next += max(timedelta(seconds=cost_s * PACE), STEP)
        return min(self._next, datetime.now(UTC))
