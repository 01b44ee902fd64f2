"""How a run ended, told to the server until it listens; what died is tried once more."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
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
from prefect.client.schemas.responses import OrchestrationResult
from prefect.states import Crashed, to_state_create

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


async def propose(client: PrefectClient, run: UUID, state: State[Any]) -> OrchestrationResult[Any]:
    """What the server says to it. Said twice with one `transition_id`, it counts once.

    The client's own `set_flow_run_state` puts a new id in the place of that.
    """
    body = to_state_create(state).model_dump(mode="json", serialize_as_any=True)
    answer = await client.request(
        "POST", "/flow_runs/{id}/set_state", path_params={"id": run}, json={"state": body}
    )
    return OrchestrationResult[Any].model_validate(answer.json())


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
    again = await second_try(client, run, "Its process died: tried once more.")
    if again is None:
        return False
    await insist(lambda: propose(client, run, again))
    return True


async def second_try(client: PrefectClient, run: UUID, message: str) -> State[Any] | None:
    """The state that puts the run back; None where that has happened before.

    Two who put it back from the same state say the same: the server takes it once.
    """
    states = await insist(lambda: client.read_flow_run_states(run))
    if any(state.name == REQUEUED for state in states):
        return None
    last = max(states, key=lambda state: state.timestamp)
    details = StateDetails.model_validate(
        {"scheduled_time": _place(states), "transition_id": uuid5(run, str(last.id))}
    )
    return State(type=StateType.SCHEDULED, name=REQUEUED, message=message, state_details=details)


def _place(states: Sequence[State[Any]]) -> datetime:
    """Where the run stood in its queue: due now it would stand behind all that waits there."""
    times = [state.state_details.scheduled_time for state in states]
    return min((time for time in times if time is not None), default=datetime.now(UTC))


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
