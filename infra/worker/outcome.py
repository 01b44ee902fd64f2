"""How a run ended, told to the server until it listens; what died is tried once more."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, TypeVar
from uuid import UUID, uuid5

import httpx
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterId,
    TaskRunFilter,
    TaskRunFilterState,
    TaskRunFilterStateType,
)
from prefect.client.schemas.objects import FlowRun, State, StateDetails, StateType
from prefect.states import Crashed

REQUEUED = "Requeued"
FIRST_WAIT_S, LAST_WAIT_S = 0.5, 10.0

T = TypeVar("T")
log = logging.getLogger(__name__)


async def insist(call: Callable[[], Awaitable[T]]) -> T:
    """Call again, ever more slowly, while the server is away."""
    wait_s = FIRST_WAIT_S
    while True:
        try:
            return await call()
        except httpx.TransportError as error:
            log.warning("Prefect's API does not answer (%r): tried again", error)
        except httpx.HTTPStatusError as error:
            if error.response.status_code < HTTPStatus.INTERNAL_SERVER_ERROR:
                raise
            log.warning("Prefect's API fails (%s): tried again", error.response.status_code)
        await asyncio.sleep(wait_s)
        wait_s = min(2 * wait_s, LAST_WAIT_S)


async def tell(client: PrefectClient, run: UUID, signed: str, state: State[Any]) -> bool:
    """Whether the state was set: a run that ended meanwhile, or is not ours, keeps its own."""
    now = await insist(lambda: client.read_flow_run(run))
    if not _ours(now, signed):
        return False
    await insist(lambda: client.set_flow_run_state(run, state))
    return True


async def crash(client: PrefectClient, run: UUID, signed: str, reason: str) -> bool:
    """Crashed, and put back where that has not happened before. Whether it was put back."""
    if not await tell(client, run, signed, Crashed(message=f"The run crashed: {reason}.")):
        return False
    await crash_tasks(client, run)
    if await was_requeued(client, run):
        return False
    again = requeued(run, "Its process died: tried once more.")
    await insist(lambda: client.set_flow_run_state(run, again))
    return True


async def was_requeued(client: PrefectClient, run: UUID) -> bool:
    states = await insist(lambda: client.read_flow_run_states(run))
    return any(state.name == REQUEUED for state in states)


def requeued(run: UUID, message: str, instead_of: UUID | None = None) -> State[Any]:
    """Due now. Two who replace the same state say the same: the server takes it once."""
    once = None if instead_of is None else uuid5(run, str(instead_of))
    details = StateDetails.model_validate(
        {"scheduled_time": datetime.now(UTC), "transition_id": once}
    )
    return State(type=StateType.SCHEDULED, name=REQUEUED, message=message, state_details=details)


async def crash_tasks(client: PrefectClient, run: UUID) -> None:
    """Tasks of a dead process would be Running for ever."""
    running = TaskRunFilterState(type=TaskRunFilterStateType(any_=[StateType.RUNNING]))
    tasks = await insist(
        lambda: client.read_task_runs(
            flow_run_filter=FlowRunFilter(id=FlowRunFilterId(any_=[run])),
            task_run_filter=TaskRunFilter(state=running),
        )
    )
    state: State[Any] = Crashed(message="Its process died.")
    for task in tasks:
        await client.set_task_run_state(task.id, state, force=True)


def _ours(run: FlowRun, signed: str) -> bool:
    if run.state is None or run.state.is_final() or run.state.name == REQUEUED:
        return False
    return run.infrastructure_pid in (None, signed)
