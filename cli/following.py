"""A run on a Prefect server, watched from outside until it has ended."""

import sys
import time
from collections.abc import Callable
from contextlib import suppress
from uuid import UUID

import httpx
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import (
    ArtifactFilter,
    ArtifactFilterFlowRunId,
    ArtifactFilterType,
    FlowRunFilter,
    FlowRunFilterId,
    FlowRunFilterNextScheduledStartTime,
    FlowRunFilterState,
    FlowRunFilterStateName,
    FlowRunFilterStateType,
    FlowRunFilterTags,
    TaskRunFilter,
    TaskRunFilterState,
    TaskRunFilterStateType,
    WorkPoolFilter,
    WorkPoolFilterName,
    WorkQueueFilter,
    WorkQueueFilterName,
)
from prefect.client.schemas.objects import FlowRun, StateType, WorkerStatus
from prefect.client.schemas.sorting import ArtifactSort
from prefect.exceptions import PrefectHTTPStatusError

from models.errors import ServiceUnavailable
from models.fair_share import CALLER, WAITING
from models.journal import VIDEO

LOOK_S = 1.0
UNSERVED_S = 8.0  # a free worker takes a run sooner
SILENCE_S = 120.0  # a server that restarts is back sooner
CRASH_GRACE_S = 45.0  # whatever lost a run puts it back once, within this
REQUEUED = "Requeued"
UNFINISHED = [StateType.SCHEDULED, StateType.PENDING, StateType.RUNNING, StateType.PAUSED]

Listener = Callable[[str, int, int], None]


def unfinished(caller: str, video: str) -> FlowRun | None:
    """The caller's run for this video that has not ended, if there is one.

    None also where the server can't be asked: whoever then submits is told why.
    """
    mine = FlowRunFilter(
        tags=FlowRunFilterTags(all_=[f"{CALLER}{caller}", f"{VIDEO}{video}"]),
        state=FlowRunFilterState(type=FlowRunFilterStateType(any_=UNFINISHED)),
    )
    found: list[FlowRun] = []
    with (
        suppress(httpx.TransportError, PrefectHTTPStatusError),
        get_client(sync_client=True) as client,
    ):
        found = client.read_flow_runs(flow_run_filter=mine, limit=1)
    return found[0] if found else None


def follow(client: SyncPrefectClient, run: FlowRun, listener: Listener) -> FlowRun:
    """The run once it has ended for good. Raises ServiceUnavailable where the server stays away."""
    heard = began = time.monotonic()
    warned = False
    while True:
        try:
            run = client.read_flow_run(run.id)
            if _ended(client, run):
                return run
            listener(*_stage(client, run))
            if not warned and time.monotonic() - began > UNSERVED_S and _waits(run):
                warned = _warn_of_idleness(client, run)
            heard = time.monotonic()
        except (httpx.TransportError, PrefectHTTPStatusError) as error:
            if time.monotonic() - heard > SILENCE_S:
                raise ServiceUnavailable(
                    f"Prefect's server has been away for {SILENCE_S:.0f} s ({error}): start it, "
                    "and give the same command again"
                ) from error
        time.sleep(LOOK_S)


def _ended(client: SyncPrefectClient, run: FlowRun) -> bool:
    if run.state is None or not run.state.is_final():
        return False
    age_s = time.time() - run.state.timestamp.timestamp()
    if not run.state.is_crashed() or age_s > CRASH_GRACE_S:
        return True
    return any(state.name == REQUEUED for state in client.read_flow_run_states(run.id))


def _stage(client: SyncPrefectClient, run: FlowRun) -> tuple[str, int, int]:
    """What it does, and how much of 100 is done where that is known."""
    if _waits(run):
        ahead = _ahead(client, run)
        return (f"Waiting, {ahead} before it" if ahead else "Waiting for a worker"), 0, 0
    task = _task(client, run.id)
    if task is None:
        return "Starting", 0, 0
    stage, percent = _progress(client, run.id)
    if percent < 100:
        return stage, percent, 100
    return task.replace("-", " ").capitalize(), 0, 0


def _waits(run: FlowRun) -> bool:
    return run.state_type is StateType.SCHEDULED


def _ahead(client: SyncPrefectClient, run: FlowRun) -> int:
    """How many runs of its queue are to start before it."""
    before = FlowRunFilterNextScheduledStartTime.model_validate(
        {"before_": run.next_scheduled_start_time}
    )
    found = client.count_flow_runs(
        flow_run_filter=FlowRunFilter(
            state=FlowRunFilterState(name=FlowRunFilterStateName(any_=list(WAITING))),
            next_scheduled_start_time=before,
        ),
        work_pool_filter=WorkPoolFilter(name=WorkPoolFilterName(any_=[run.work_pool_name or ""])),
        work_queue_filter=WorkQueueFilter(
            name=WorkQueueFilterName(any_=[run.work_queue_name or ""])
        ),
    )
    return max(0, found - 1)  # itself: before_ is at or before


def _task(client: SyncPrefectClient, run: UUID) -> str | None:
    running = TaskRunFilterState(type=TaskRunFilterStateType(any_=[StateType.RUNNING]))
    found = client.read_task_runs(
        flow_run_filter=FlowRunFilter(id=FlowRunFilterId(any_=[run])),
        task_run_filter=TaskRunFilter(state=running),
        limit=1,
    )
    return found[0].name.rpartition("-")[0] or found[0].name if found else None


def _progress(client: SyncPrefectClient, run: UUID) -> tuple[str, int]:
    """The newest stage that counts its steps, and its percent; 100 where there is none."""
    found = client.read_artifacts(
        artifact_filter=ArtifactFilter(
            flow_run_id=ArtifactFilterFlowRunId(any_=[run]),
            type=ArtifactFilterType(any_=["progress"]),
        ),
        sort=ArtifactSort.CREATED_DESC,
        limit=1,
    )
    if not found:
        return "", 100
    return found[0].description or "Working", int(float(str(found[0].data)))


def _warn_of_idleness(client: SyncPrefectClient, run: FlowRun) -> bool:
    """Say once on stderr why nobody takes the run, if the pool tells."""
    name = run.work_pool_name or ""
    reason = ""
    if client.read_work_pool(name).is_paused:
        reason = f"the work pool {name} is paused: `prefect work-pool resume {name}`"
    elif not any(
        worker.status is WorkerStatus.ONLINE for worker in client.read_workers_for_work_pool(name)
    ):
        reason = (
            f"no worker polls the work pool {name}: start one with "
            f"`prefect worker start --pool {name}`, or all of it with `avatar up`"
        )
    if reason:
        sys.stderr.write(f"still waiting: {reason}\n")
    return bool(reason)
