"""One row of a batch: a run of avatar-video on queue `batch`, tried again where that can help."""

import asyncio
from pathlib import Path
from typing import Any

from prefect import runtime, task
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter
from prefect.client.schemas.objects import FlowRun, State
from prefect.deployments.flow_runs import arun_deployment
from prefect.flows import Flow
from prefect.states import Cancelling

from models.batch.fill import Item
from models.batch.results import RowResult, RowStatus
from models.batch.work import Batch, delivered
from models.contracts import Failure, VideoRequest, VideoResult
from models.errors import InvalidRequest, MissingFile
from models.fair_share import CALLER
from tasks.dispatch import due
from tasks.policies import keep, store

VIDEO = "avatar-video/cpu"
QUEUE = "batch"
POLL_S = 0.5
COST_S = 10.0  # about: every row counts the same
LIVE = ("SCHEDULED", "PENDING", "RUNNING", "PAUSED")


async def render_rows(batch: Batch, at_once: int, tries: int) -> list[RowResult]:
    """One result for each group of rows that ask for the same. Raises InvalidRequest."""
    if min(at_once, tries) < 1:
        raise InvalidRequest(f"at_once {at_once} and tries {tries} must both be at least 1")
    places = asyncio.Semaphore(at_once)

    async def in_turn(name: str, first: Item) -> RowResult:
        async with places:
            return await render_row(name, first, tries)

    rows = (in_turn(name, items[0]) for name, items in batch.groups.items())
    return list(await asyncio.gather(*rows))


@task(name="render-row", task_run_name="row {row.line}", persist_result=False)
async def render_row(name: str, row: Item, tries: int) -> RowResult:
    """What became of it, good or bad: one row's failure is not the batch's."""
    if kept := await asyncio.to_thread(_kept, name):
        return kept.model_copy(update={"line": row.line, "status": RowStatus.KEPT})
    request = delivered(row.request, name)
    result = RowResult(line=row.line, digest=name, status=RowStatus.FAILED)
    for attempt in range(1, tries + 1):
        run = await _run(request, name, row.line, attempt)
        result = result.model_copy(update={"tries": attempt, "run": str(run.id)})
        if run.state is not None and run.state.is_completed():
            return await asyncio.to_thread(_done, result, request)
        why = await asyncio.to_thread(_failure, request, run)
        result = result.model_copy(update={"code": why.code, "message": why.message})
        if not why.retryable:
            break
    return result


def cancel_rows(flow: Flow[..., Any], flow_run: FlowRun, state: State[Any]) -> None:
    """Flow hook: what the batch started ends with it; what waits ends first."""
    with get_client(sync_client=True) as client:
        for kind in LIVE:
            chosen = {"tags": {"all_": [_tag(flow_run.id)]}, "state": {"type": {"any_": [kind]}}}
            children = FlowRunFilter.model_validate(chosen)
            while found := client.read_flow_runs(flow_run_filter=children):
                for child in found:
                    client.set_flow_run_state(child.id, Cancelling())


async def _run(request: VideoRequest, name: str, line: int, attempt: int) -> FlowRun:
    """Where this batch was cut short and goes on, the same run again."""
    parent = runtime.flow_run.id
    if prefix := request.delivery.key_prefix:
        await asyncio.to_thread(store().delete, f"{prefix}/error.json")
    caller = f"batch-{parent}"
    return await arun_deployment(
        VIDEO,
        parameters={"request": request.model_dump(mode="json")},
        flow_run_name=f"row {line}",
        tags=[_tag(parent), CALLER + caller],
        scheduled_time=await asyncio.to_thread(due, VIDEO, QUEUE, caller, COST_S),
        idempotency_key=f"{parent}-{name}-{attempt}",
        work_queue_name=QUEUE,
        poll_interval=POLL_S,
        as_subflow=True,
    )


def _tag(run: object) -> str:
    return f"batch:{run}"


def _record(name: str) -> str:
    return f"batches/rows/{name}.json"


def _kept(name: str) -> RowResult | None:
    """What an earlier run of such a row made, if the video is still there."""
    try:
        text = store().path(_record(name)).read_text(encoding="utf-8")
    except MissingFile:
        return None
    result = RowResult.model_validate_json(text)
    video = result.video
    there = Path(video).is_file() if Path(video).is_absolute() else store().exists(video)
    return result if there else None


def _done(result: RowResult, request: VideoRequest) -> RowResult:
    done = result.model_copy(
        update={"status": RowStatus.DONE, "code": "", "message": "", **_facts(request)}
    )
    keep(done, _record(result.digest))
    return done


def _facts(request: VideoRequest) -> dict[str, object]:
    prefix = request.delivery.key_prefix
    if prefix is None:
        return {"video": str(Path(str(request.delivery.output)).absolute())}
    text = store().path(f"{prefix}/result.json").read_text(encoding="utf-8")
    made = VideoResult.model_validate_json(text)
    return {"video": made.video, "duration_s": made.duration_s}


def _failure(request: VideoRequest, run: FlowRun) -> Failure:
    """What the run itself left; a run that crashed left nothing, and may do better."""
    prefix = request.delivery.key_prefix
    try:
        if prefix is not None:
            text = store().path(f"{prefix}/error.json").read_text(encoding="utf-8")
            return Failure.model_validate_json(text)
    except MissingFile:
        pass
    state = run.state
    cancelled = state is not None and state.is_cancelled()
    name, message = (state.name, state.message) if state else ("Unknown", None)
    return Failure(
        code="cancelled" if cancelled else "unexpected",
        message=f"{name}: {message or 'it ended without a word'}",
        retryable=not cancelled,
    )
