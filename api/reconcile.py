"""Brings open videos up to date with their runs, and heals what a crash left between the two.

    run waits, runs                its status, position, stage, percent and ETA
    run ended                      result.json or error.json of the store becomes the row's
    run is gone                    deleted in Prefect: order it again, three times at most
    cancelled by the caller        ask Prefect, until the run has ended

Thousands may wait: only what has changed is read whole and written, many in one transaction.
"""

import logging
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import select, update
from sqlalchemy.orm import load_only

from api import events, load
from api.clock import now
from api.database import Database
from api.ending import Ending
from api.foresight import Pace, Told, ahead
from api.jobs import FINAL, Prefect, Run
from api.quotes import size_factor
from api.tables import Video
from models.contracts import Failure, Look
from models.errors import ServiceError, SetupError

log = logging.getLogger(__name__)

MOST_RUNS = 3  # of one video, when runs are deleted in Prefect
CRASH_GRACE = timedelta(seconds=45)  # a worker that is lost has its runs asked for again
MOST_OPEN = 2_000
TOGETHER = 10  # videos in one transaction: what is accepted meanwhile waits for it
EXACT_PLACES = 20
PACE_S = 15.0  # how long a measured pace is believed
LOOKED_AT = (Video.id, Video.run_id, Video.runs, Video.cancel_asked, Video.speech_s)


@dataclass(frozen=True)
class Seen:
    """An open video's run as it is now."""

    run: Run
    place: int | None = None  # among those that wait
    before_s: float = 0.0  # of work for those that stand before it
    told: Told | None = None  # of a run that has begun

    @property
    def gist(self) -> tuple[object, ...]:
        """What is worth telling when it changes: far back in a queue not every step."""
        place = self.place
        if place is not None and place > EXACT_PLACES:
            place = round(place, 2 - len(str(place)))
        percent = self.told and (self.told.stage, self.told.done, round(self.told.rendered, 2))
        return self.run.state, place, percent


class Reconciler:
    def __init__(
        self, database: Database, prefect: Prefect, ending: Ending, deployment: str
    ) -> None:
        self._database, self._prefect, self._ending = database, prefect, ending
        self._deployment = deployment
        self._gists: dict[str, tuple[object, ...]] = {}  # by video, as last written
        self._pace, self._pace_at = Pace(), float("-inf")

    async def reconcile(self) -> int:
        """Bring the open videos that have a run up to date; how many. Raises ServiceError."""
        rows = await self._open_videos()
        if not rows:
            self._gists.clear()
            return 0
        seen = await self._seen(rows)
        changed: dict[str, Seen] = {}
        store_answers = True
        for row in rows:
            one = seen.get(row.id)
            if one is None:
                await self._lost(row)
            elif one.run.state in FINAL:
                store_answers = store_answers and await self._ended_or_later(row, one.run)
            else:
                if row.cancel_asked and one.run.state != "CANCELLING":
                    await self._prefect.cancel(one.run.id)
                if self._gists.get(row.id) != one.gist:
                    changed[row.id] = one
        await self._write(changed)
        self._gists = {name: one.gist for name, one in seen.items()}
        return len(rows)

    async def _open_videos(self) -> Sequence[Video]:
        """The oldest first, as little of each as is needed."""
        query = (
            select(Video)
            .where(Video.open.is_(True), Video.run_id.is_not(None))
            .options(load_only(*LOOKED_AT))
            .order_by(Video.id)
            .limit(MOST_OPEN)
        )
        async with self._database.reading() as session:
            return (await session.scalars(query)).all()

    async def _seen(self, rows: Sequence[Video]) -> dict[str, Seen]:
        """By video; those whose run is gone are not in it."""
        waiting = await self._prefect.waiting(self._deployment)
        places = {run.id: place for place, run in enumerate(waiting, 1)}
        runs = {run.id: run for run in waiting}
        others = [row.run_id for row in rows if row.run_id and row.run_id not in places]
        runs |= await self._prefect.runs(others)
        running = [name for name in others if name in runs and runs[name].state == "RUNNING"]
        told = await self._told(running)
        before = self._before(rows, places, max(1, len(running)))
        return {
            row.id: Seen(run, places.get(run.id), before.get(run.id, 0.0), told.get(run.id))
            for row in rows
            if (run := runs.get(row.run_id or "")) is not None
        }

    async def _told(self, running: Sequence[str]) -> dict[str, Told]:
        rendered = await self._prefect.rendered(running)
        tasks = await self._prefect.tasks(running)
        return {name: Told.of(tasks.get(name, {}), rendered.get(name, 0.0)) for name in running}

    def _before(
        self, rows: Iterable[Video], places: Mapping[str, int], slots: int
    ) -> dict[str, float]:
        """Seconds until each run's turn, by the work of those that stand before it."""
        work_s, found = 0.0, {}
        waiting = [row for row in rows if row.run_id in places]
        for row in sorted(waiting, key=lambda row: places[row.run_id or ""]):
            found[row.run_id or ""] = work_s / slots
            work_s += sum(self._pace.stages(row.speech_s, 1.0).values())
        return found

    async def _write(self, changed: Mapping[str, Seen]) -> None:
        names = sorted(changed)
        if names:
            await self._measure()
        for first in range(0, len(names), TOGETHER):
            some = names[first : first + TOGETHER]
            query = select(Video).where(Video.id.in_(some), Video.open.is_(True))
            async with self._database.writing() as session:
                found = await session.scalars(query.order_by(Video.id).with_for_update())
                for row in found.all():
                    if kind := self._update(row, changed[row.id]):
                        events.emit(session, row, kind)

    def _update(self, row: Video, seen: Seen) -> str | None:
        """The kind of event that this is, if any: a status that began, or progress."""
        run, before = seen.run, (row.stage, round(row.percent), row.position)
        running = run.started_at is not None and run.state not in ("SCHEDULED", "PENDING")
        status = "running" if running or row.status == "running" else "queued"
        began, row.status, row.position = row.status != status, status, seen.place
        look = Look.model_validate(row.order["look"])
        shares = self._pace.stages(row.speech_s, size_factor(*look.size))
        told = seen.told or Told()
        percent, left_s = ahead(shares, told)
        row.percent = max(row.percent, round(percent, 1))
        row.eta_s = round(seen.before_s + left_s, 1)
        row.started_at = row.started_at or run.started_at
        row.stage = told.stage if running else row.stage
        if began:
            return f"video.{status}"
        changed = before != (row.stage, round(row.percent), row.position)
        return events.PROGRESS if changed else None

    async def _measure(self) -> None:
        if time.monotonic() - self._pace_at > PACE_S:
            async with self._database.reading() as session:
                self._pace = await load.pace(session)
            self._pace_at = time.monotonic()

    async def _lost(self, video: Video) -> None:
        """Somebody deleted the run in Prefect."""
        if video.cancel_asked:
            await self._ending.end(video.id, "cancelled")
        elif video.runs >= MOST_RUNS:
            failure = Failure(code="run_deleted", message="its run was deleted three times")
            await self._ending.end(video.id, "failed", failure=failure)
        else:
            log.warning("the run of video %s is gone: ordering another", video.id)
            async with self._database.writing() as session:
                await session.execute(
                    update(Video)
                    .where(Video.id == video.id, Video.run_id == video.run_id)
                    .values(run_id=None, claimed=False)
                )

    async def _ended_or_later(self, video: Video, run: Run) -> bool:
        """False where the store is away: it holds up what is stored in it, and nothing else."""
        try:
            await self._ended(video, run)
        except (ServiceError, SetupError) as error:
            log.error("what became of video %s cannot be read yet: %s", video.id, error)
            return False
        return True

    async def _ended(self, video: Video, run: Run) -> None:
        if run.state == "COMPLETED":
            result = await self._ending.result(video.id)
            if result is not None:
                await self._ending.end(video.id, "done", result=result)
            else:
                failure = Failure(code="result_missing", message="the finished video is not stored")
                await self._ending.end(video.id, "failed", failure=failure)
        elif run.state == "CANCELLED":
            await self._ending.end(video.id, "cancelled")
        elif run.state == "CRASHED" and now() - run.since < CRASH_GRACE:
            return  # it may be asked for again
        else:
            failure = await self._ending.failure(video.id) or _unexplained(run)
            await self._ending.end(video.id, "failed", failure=failure)


def _unexplained(run: Run) -> Failure:
    """Without error.json the run did not get to say why: its machine was lost, or it timed out."""
    log.error("run %s ended %s without a reason in the store: %s", run.id, run.name, run.message)
    code = "render_crashed" if run.state == "CRASHED" else "render_failed"
    return Failure(
        code=code, message="rendering stopped on our side: make the video again", retryable=True
    )
