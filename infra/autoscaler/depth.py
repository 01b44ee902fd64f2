"""What Prefect's API says about a work pool: two counts tell its depth and how much is running.

Not `get_scheduled_flow_runs`: the server takes it for a worker's poll and shows a dead pool as
alive.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import httpx

from models.errors import InvalidRequest, ServiceRefused, ServiceUnavailable

BUSY = ("PENDING", "RUNNING", "CANCELLING")
MEASURED_RUNS = 20
WORKER_LABEL = "prefect.worker.name"
MOST_RUNS = 200  # the server's own page size


@dataclass(frozen=True)
class Demand:
    waiting: int  # runs that are due and not started
    busy: int  # runs that a worker holds
    oldest_s: float = 0.0  # how long the oldest waiting run could have started


class PrefectQueue:
    """One work pool, read through a client whose base URL is Prefect's API (…/api)."""

    def __init__(
        self,
        client: httpx.Client,
        pool: str,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._client = client
        self._pool = pool
        self._now = now

    def check(self) -> None:
        """Raise InvalidRequest where the pool does not exist: its counts would be 0 for ever."""
        if (
            self._send("GET", f"/work_pools/{quote(self._pool, safe='')}").status_code
            == httpx.codes.NOT_FOUND
        ):
            raise InvalidRequest(
                f"Prefect has no work pool {self._pool!r}: create it with "
                f"`prefect work-pool create {self._pool} --type …` or name another"
            )

    def demand(self) -> Demand:
        """Two calls; two more, for the oldest run's age, only where something waits."""
        due = self._due()
        waiting = self._count(due)
        busy = self._count({"state": {"type": {"any_": list(BUSY)}}})
        return Demand(waiting, busy, self._oldest_s(due, waiting) if waiting else 0.0)

    def run_s(self) -> float | None:
        """Mean seconds of the runs completed last, None where there are none."""
        completed = {"state": {"type": {"any_": ["COMPLETED"]}}}
        runs = self._runs(completed, sort="END_TIME_DESC", limit=MEASURED_RUNS)
        seconds = [float(run["total_run_time"]) for run in runs]
        return sum(seconds) / len(seconds) if seconds else None

    def busy_workers(self) -> frozenset[str]:
        """Names of the workers that hold a run: a machine's worker is named after the machine."""
        held = {"state": {"type": {"any_": list(BUSY)}}}
        found: set[str] = set()
        for offset in range(0, 1_000_000, MOST_RUNS):
            runs = self._runs(held, sort="ID_DESC", limit=MOST_RUNS, offset=offset)
            found.update(str(run["labels"].get(WORKER_LABEL, "")) for run in runs)
            if len(runs) < MOST_RUNS:
                break
        return frozenset(found - {""})

    def online_workers(self) -> int:
        """Workers of the pool that polled lately, as Prefect sees it."""
        path = f"/work_pools/{quote(self._pool, safe='')}/workers/filter"
        found: list[Any] = self._post(path, {"workers": {"status": {"any_": ["ONLINE"]}}})
        return len(found)

    def last_completed(self, flow: str) -> datetime | None:
        """When a run of the flow, of any pool, last ended well."""
        body = {
            "flows": {"name": {"any_": [flow]}},
            "flow_runs": {"state": {"type": {"any_": ["COMPLETED"]}}},
            "sort": "END_TIME_DESC",
            "limit": 1,
        }
        found: list[dict[str, Any]] = self._post("/flow_runs/filter", body)
        return datetime.fromisoformat(found[0]["end_time"]) if found else None

    def _due(self) -> dict[str, Any]:
        return {
            "state": {"type": {"any_": ["SCHEDULED"]}},
            "next_scheduled_start_time": {"before_": self._now().isoformat()},
        }

    def _oldest_s(self, due: dict[str, Any], waiting: int) -> float:
        """A fair share puts a run's scheduled time before its creation: the later of both counts.

        So the first in turn may not have waited longest. Prefect's ids grow with time.
        """
        first = self._runs(due, sort="NEXT_SCHEDULED_START_TIME_ASC", limit=1)
        made_first = self._runs(due, sort="ID_DESC", limit=1, offset=waiting - 1)
        return max((self._waits_s(run) for run in first + made_first), default=0.0)

    def _waits_s(self, run: dict[str, Any]) -> float:
        times = run["created"], run["next_scheduled_start_time"]
        since = max(datetime.fromisoformat(time) for time in times if time)
        return max((self._now() - since).total_seconds(), 0.0)

    def _count(self, runs: dict[str, Any]) -> int:
        return int(self._post("/flow_runs/count", self._where(runs)))

    def _runs(self, runs: dict[str, Any], **page: object) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._post("/flow_runs/filter", self._where(runs) | page)
        return found

    def _where(self, runs: dict[str, Any]) -> dict[str, Any]:
        return {"work_pools": {"name": {"any_": [self._pool]}}, "flow_runs": runs}

    def _post(self, path: str, body: dict[str, Any]) -> Any:  # noqa: ANN401, it is JSON
        answer = self._send("POST", path, body)
        try:
            return answer.raise_for_status().json()
        except (httpx.HTTPStatusError, ValueError) as error:
            raise ServiceRefused(
                f"Prefect's API at {self._client.base_url} answered {path} with "
                f"{answer.status_code}: check that PREFECT_API_URL ends in /api"
            ) from error

    def _send(self, method: str, path: str, body: dict[str, Any] | None = None) -> httpx.Response:
        url = self._client.base_url
        try:
            answer = self._client.request(method, path, json=body)
        except httpx.RequestError as error:
            raise ServiceUnavailable(
                f"Prefect's API at {url} does not answer ({error or type(error).__name__}): "
                "start the server or correct PREFECT_API_URL"
            ) from error
        if answer.is_server_error:
            raise ServiceUnavailable(
                f"Prefect's API at {url} answered {answer.status_code}: look at the server's log"
            )
        if answer.status_code in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
            raise ServiceRefused(
                f"Prefect's API at {url} refused us ({answer.status_code}): "
                "set PREFECT_API_AUTH_STRING to the server's"
            )
        return answer
