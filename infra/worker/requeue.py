"""A run whose process died is tried once more: the server's history says whether it was."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.objects import State, StateType
from prefect.states import AwaitingRetry

# Beyond what a worker prefetches: taken while it still holds its slot, a run ends the worker.
AFTER = timedelta(seconds=15)


async def requeue_once(client: PrefectClient, run: UUID) -> bool:
    """Whether it was put back; a run that crashed twice stays Crashed."""
    states = await client.read_flow_run_states(run)
    if sum(state.type is StateType.CRASHED for state in states) != 1:
        return False
    later = datetime.now(UTC) + AFTER
    state: State[Any] = AwaitingRetry(
        scheduled_time=later, message="Its process died: tried once more."
    )
    await client.set_flow_run_state(run, state)
    return True
