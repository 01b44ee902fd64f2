"""Prefect's API, spoken here and nowhere else in the gateway.

Plain HTTP, because Prefect's own client costs a second at every start and megabytes of memory,
and the gateway needs eight calls of it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import httpx

from api.clock import now
from models.errors import ServiceRefused, ServiceUnavailable
from models.fair_share import CALLER, HORIZON, WAITING, start_time
from models.journal import VIDEO

QUEUES = ("high", "default", "batch")  # in the order in which a pool takes from them
PAGE = 200  # the most that Prefect lists at once
MOST_WAITING = 5 * PAGE
MOST_TASKS = 20  # of one run that makes a video
TIMEOUT_S = 10.0
FINAL = frozenset({"COMPLETED", "FAILED", "CRASHED", "CANCELLED"})


@dataclass(frozen=True)
class Run:
    """What Prefect knows of a run."""

    id: str
    state: str  # SCHEDULED, PENDING, RUNNING, COMPLETED, FAILED, CRASHED, CANCELLED, …
    name: str  # Late, AwaitingRetry, …
    message: str
    since: datetime  # in this state
    started_at: datetime | None


@dataclass(frozen=True)
class Order:
    """A run that is to be made."""

    deployment: str
    parameters: Mapping[str, Any]
    caller: str
    queue: str
    key: str  # the same key, the same run
    cost_s: float  # about how many seconds of work
    tags: tuple[str, ...] = ()


class Prefect:
    def __init__(self, url: str, auth: str | None, transport: Any = None) -> None:  # noqa: ANN401
        name, _, password = (auth or "").partition(":")
        self._client = httpx.AsyncClient(
            base_url=url.rstrip("/"),
            auth=(name, password) if auth else None,
            timeout=TIMEOUT_S,
            transport=transport,
        )
        self._deployments: dict[str, dict[str, Any]] = {}

    async def close(self) -> None:
        await self._client.aclose()

    async def healthy(self) -> bool:
        try:
            return (await self._client.get("/health", timeout=2)).is_success
        except httpx.HTTPError:
            return False

    async def order(self, order: Order) -> str:
        """The id of the new run, or of the one that the same key made before.

        Raises ServiceUnavailable, ServiceRefused.
        """
        target = await self._deployment(order.deployment)
        due = await self._turn(target["work_pool_name"], order)
        made = await self._post(
            f"/deployments/{target['id']}/create_flow_run",
            {
                "parameters": order.parameters,
                "state": {"type": "SCHEDULED", "state_details": {"scheduled_time": _time(due)}},
                "tags": [CALLER + order.caller, *order.tags],
                "idempotency_key": order.key,
                "work_queue_name": order.queue,
            },
        )
        if made is None:  # deployed anew meanwhile
            self._deployments.pop(order.deployment, None)
            raise ServiceUnavailable(f"the deployment {order.deployment} has just changed")
        return str(made["id"])

    async def runs(self, ids: Iterable[str]) -> dict[str, Run]:
        """Those of these runs that Prefect still has."""
        wanted = list(ids)
        found: dict[str, Run] = {}
        for first in range(0, len(wanted), PAGE):
            page = wanted[first : first + PAGE]
            filters = {"flow_runs": {"id": {"any_": page}}, "limit": PAGE}
            for one in await self._list("/flow_runs/filter", filters):
                found[one["id"]] = _run(one)
        return found

    async def waiting(self, deployment: str) -> list[Run]:
        """Runs of the deployment that wait for a worker, the next one first, 1,000 at most."""
        flow, _, name = deployment.partition("/")
        found: list[dict[str, Any]] = []
        for offset in range(0, MOST_WAITING, PAGE):
            filters = {
                "flows": {"name": {"any_": [flow]}},
                "deployments": {"name": {"any_": [name]}},
                "flow_runs": {"state": {"type": {"any_": ["SCHEDULED"]}}},
                "sort": "NEXT_SCHEDULED_START_TIME_ASC",
                "limit": PAGE,
                "offset": offset,
            }
            page = await self._list("/flow_runs/filter", filters)
            found += page
            if len(page) < PAGE:
                break
        return [_run(one) for one in sorted(found, key=_rank)]  # stable: by time in each queue

    async def rendered(self, ids: Iterable[str]) -> dict[str, float]:
        """The share of its frames, 0..1, that each run has told of last."""
        wanted = list(ids)
        found: dict[str, float] = {}
        for first in range(0, len(wanted), PAGE):
            filters = {
                "artifacts": {
                    "flow_run_id": {"any_": wanted[first : first + PAGE]},
                    "type": {"any_": ["progress"]},
                },
                "sort": "UPDATED_DESC",
                "limit": PAGE,
            }
            for one in await self._list("/artifacts/filter", filters):
                found.setdefault(one["flow_run_id"], float(one["data"] or 0) / 100)
        return found

    async def tasks(self, ids: Iterable[str]) -> dict[str, dict[str, str]]:
        """Of each run the tasks that there are, by name, and the type of their state."""
        wanted = list(ids)
        found: dict[str, dict[str, str]] = {}
        for first in range(0, len(wanted), PAGE // MOST_TASKS):
            page = wanted[first : first + PAGE // MOST_TASKS]
            filters = {"flow_runs": {"id": {"any_": page}}, "limit": PAGE}
            for one in await self._list("/task_runs/filter", filters):
                name, _, _ = one["name"].rpartition("-")  # Prefect adds three letters
                found.setdefault(one["flow_run_id"], {})[name] = one["state_type"] or ""
        return found

    async def cancel(self, run_id: str) -> None:
        """Ask for it: a waiting run is cancelled at once, a running one by its worker."""
        state = {"type": "CANCELLING", "name": "Cancelling", "message": "asked for by the caller"}
        await self._post(f"/flow_runs/{run_id}/set_state", {"state": state})

    async def forget(self, video: str) -> None:
        """Delete the video's runs, whose parameters hold its words, and what they drew."""
        filters = {"flow_runs": {"tags": {"all_": [VIDEO + video]}}, "limit": PAGE}
        while runs := [one["id"] for one in await self._list("/flow_runs/filter", filters)]:
            drawn = {"artifacts": {"flow_run_id": {"any_": runs}}, "limit": PAGE}
            while artifacts := await self._list("/artifacts/filter", drawn):
                for one in artifacts:
                    await self._send("DELETE", f"/artifacts/{one['id']}")
            for run in runs:
                await self._send("DELETE", f"/flow_runs/{run}")

    async def _turn(self, pool: str, order: Order) -> datetime:
        """The fair scheduled time of one more run of the caller in the queue."""
        at = now()
        head = await self._first_waiting(pool, order.queue, at, "NEXT_SCHEDULED_START_TIME_ASC")
        if head is None:
            return at
        tag = CALLER + order.caller
        last = await self._first_waiting(pool, order.queue, at, "EXPECTED_START_TIME_DESC", tag)
        return start_time(at, head, last, order.cost_s)

    async def _first_waiting(
        self, pool: str, queue: str, at: datetime, sort: str, tag: str | None = None
    ) -> datetime | None:
        runs: dict[str, Any] = {
            "state": {"name": {"any_": list(WAITING)}},
            "next_scheduled_start_time": {"before_": _time(at + HORIZON)},
        }
        if tag is not None:
            runs["tags"] = {"all_": [tag]}
        filters = {
            "flow_runs": runs,
            "work_pools": {"name": {"any_": [pool]}},
            "work_pool_queues": {"name": {"any_": [queue]}},
            "sort": sort,
            "limit": 1,
        }
        found = await self._list("/flow_runs/filter", filters)
        return _datetime(found[0]["next_scheduled_start_time"]) if found else None

    async def _deployment(self, name: str) -> dict[str, Any]:
        if name not in self._deployments:
            found = await self._send("GET", f"/deployments/name/{name}")
            if found is None or found["work_pool_name"] is None:
                raise ServiceUnavailable(
                    f"Prefect has no deployment {name} with a work pool: run `prefect deploy --all`"
                )
            self._deployments[name] = found
        return self._deployments[name]

    async def _list(self, path: str, filters: Mapping[str, Any]) -> list[dict[str, Any]]:
        found = await self._post(path, filters)
        return found if isinstance(found, list) else []

    async def _post(self, path: str, body: Mapping[str, Any]) -> Any:  # noqa: ANN401, Prefect's JSON
        return await self._send("POST", path, body)

    async def _send(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:  # noqa: ANN401
        """The answer's JSON, None for 404. Raises ServiceUnavailable, ServiceRefused."""
        try:
            answer = await self._client.request(method, path, json=body)
        except httpx.HTTPError as error:
            raise ServiceUnavailable(
                f"Prefect does not answer ({error or type(error).__name__}): start its server"
            ) from error
        if answer.status_code == httpx.codes.NOT_FOUND:
            return None
        if answer.is_server_error:
            raise ServiceUnavailable(f"Prefect answers {answer.status_code}: look at its log")
        if not answer.is_success:
            raise ServiceRefused(f"Prefect refuses ({answer.status_code}): {answer.text[:300]}")
        return answer.json() if answer.content else {}


def _run(one: Mapping[str, Any]) -> Run:
    state = one["state"] or {}
    return Run(
        id=one["id"],
        state=state.get("type") or "SCHEDULED",
        name=state.get("name") or "",
        message=state.get("message") or "",
        since=_datetime(state.get("timestamp")) or now(),
        started_at=_datetime(one.get("start_time")),
    )


def _rank(one: Mapping[str, Any]) -> int:
    queue = one.get("work_queue_name")
    return QUEUES.index(queue) if queue in QUEUES else len(QUEUES)


def _time(at: datetime) -> str:
    return at.isoformat()


def _datetime(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
