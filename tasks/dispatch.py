"""Ask for a run of a deployment, in its turn: a queue by urgency, in it a fair share by caller.

The pool's workers must bound the runs they hold at once (the warm worker does, by its slots):
what takes all that is due takes it in no order.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import httpx
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterNextScheduledStartTime,
    FlowRunFilterState,
    FlowRunFilterStateName,
    FlowRunFilterTags,
    WorkPoolFilter,
    WorkPoolFilterName,
    WorkQueueFilter,
    WorkQueueFilterName,
)
from prefect.client.schemas.objects import FlowRun
from prefect.client.schemas.responses import DeploymentResponse
from prefect.client.schemas.sorting import FlowRunSort
from prefect.exceptions import ObjectNotFound, PrefectHTTPStatusError
from prefect.states import Scheduled

from models.errors import InvalidRequest, ServiceRefused, ServiceUnavailable
from models.fair_share import CALLER, HORIZON, WAITING, start_time
from models.journal import VIDEO


def submit(
    deployment: str,
    parameters: Mapping[str, Any],
    *,
    caller: str,
    cost_s: float,
    queue: str = "default",
    video: str | None = None,
    key: str | None = None,
    tags: Iterable[str] = (),
) -> FlowRun:
    """The new run of FLOW/DEPLOYMENT, or the one that the same `key` already made.

    `cost_s` is about how many seconds of work it is. Raises InvalidRequest, ServiceError.
    """
    every = [f"{CALLER}{caller}", *([f"{VIDEO}{video}"] if video else []), *tags]
    try:
        with get_client(sync_client=True) as client:
            target = client.read_deployment_by_name(deployment)
            pool = _pool(target)
            return client.create_flow_run_from_deployment(
                target.id,
                parameters=dict(parameters),
                state=Scheduled(scheduled_time=turn(client, pool, queue, caller, cost_s)),
                tags=every,
                idempotency_key=key,
                work_queue_name=queue,
            )
    except ObjectNotFound as error:
        raise InvalidRequest(
            f"Prefect has no deployment {deployment!r}: run `prefect deploy --all` or name another"
        ) from error
    except httpx.TransportError as error:
        raise ServiceUnavailable(
            f"Prefect's API does not answer ({error or type(error).__name__}): start the server or "
            "correct PREFECT_API_URL"
        ) from error
    except PrefectHTTPStatusError as error:
        kind = ServiceUnavailable if error.response.is_server_error else ServiceRefused
        raise kind(
            f"Prefect's API refused a run of {deployment} ({error.response.status_code}): "
            f"{error.response.text[:300]}"
        ) from error


def due(deployment: str, queue: str, caller: str, cost_s: float) -> datetime:
    """The scheduled time of one more run of FLOW/DEPLOYMENT, for who makes the run otherwise."""
    with get_client(sync_client=True) as client:
        target = client.read_deployment_by_name(deployment)
        return turn(client, _pool(target), queue, caller, cost_s)


def turn(client: SyncPrefectClient, pool: str, queue: str, caller: str, cost_s: float) -> datetime:
    """The fair scheduled time of one more run of the caller in the queue: one call or two."""
    now = datetime.now(UTC)
    head = _waiting(client, pool, queue, now, FlowRunSort.NEXT_SCHEDULED_START_TIME_ASC)
    if head is None:
        return now
    tags = FlowRunFilterTags(all_=[f"{CALLER}{caller}"])
    last = _waiting(client, pool, queue, now, FlowRunSort.EXPECTED_START_TIME_DESC, tags)
    return start_time(now, head, last, cost_s)


def _waiting(
    client: SyncPrefectClient,
    pool: str,
    queue: str,
    now: datetime,
    sort: FlowRunSort,
    tags: FlowRunFilterTags | None = None,
) -> datetime | None:
    due = FlowRunFilterNextScheduledStartTime.model_validate({"before_": now + HORIZON})
    found = client.read_flow_runs(
        flow_run_filter=FlowRunFilter(
            state=FlowRunFilterState(name=FlowRunFilterStateName(any_=list(WAITING))),
            next_scheduled_start_time=due,
            tags=tags,
        ),
        work_pool_filter=WorkPoolFilter(name=WorkPoolFilterName(any_=[pool])),
        work_queue_filter=WorkQueueFilter(name=WorkQueueFilterName(any_=[queue])),
        sort=sort,
        limit=1,
    )
    return found[0].next_scheduled_start_time if found else None


def _pool(target: DeploymentResponse) -> str:
    if target.work_pool_name is None:
        raise InvalidRequest(f"the deployment {target.name!r} has no work pool: deploy it to one")
    return target.work_pool_name
