"""Gives accepted videos to Prefect, and takes back what became of them.

Every pass looks at all open videos and heals whatever a crash left between the two databases:

    no run yet                     order one, under the video's id: the same id, the same run
    run waits, runs                its status, position, stage and percent
    run ended                      result.json or error.json of the store becomes the row's
    run is gone                    deleted in Prefect: order it again, three times at most
    cancelled by the caller        ask Prefect, until the run has ended

One gateway of all does this (api.leader). Should two ever, for the moment of a lost lease, an
order's key and the guarded updates make the second one's work void.
"""

import logging
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TypeVar

import anyio
from pydantic import BaseModel, ValidationError
from sqlalchemy import ColumnElement, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from api import accounts, events
from api.clock import now
from api.database import Database
from api.jobs import FINAL, VIDEO, Order, Prefect, Progress, Run
from api.quotes import Prices, price_of
from api.resources import render_seconds
from api.tables import Video
from models.contracts import Failure, VideoResult
from models.errors import MissingFile, ServiceRefused, ServiceUnavailable
from models.storage import Store

log = logging.getLogger(__name__)

AT_ONCE = 50  # orders in one pass: so many a second at most
MOST_RUNS = 3  # of one video, when runs are deleted in Prefect
CRASH_GRACE = timedelta(seconds=45)  # a worker that is lost has its runs asked for again
MOST_OPEN = 2_000
M = TypeVar("M", bound=BaseModel)


class Dispatcher:
    def __init__(
        self, database: Database, prefect: Prefect, store: Store, deployment: str, prices: Prices
    ) -> None:
        self._database, self._prefect, self._store = database, prefect, store
        self._deployment, self._prices = deployment, prices

    async def dispatch(self) -> int:
        """Order runs for videos that have none; how many. Raises ServiceError."""
        rows = await self._open_videos(Video.run_id.is_(None), AT_ONCE)
        failed: ServiceUnavailable | None = None
        for row in rows:
            try:
                await self._order(row)
            except ServiceUnavailable as error:
                if failed is not None:
                    raise  # two in a row: it is Prefect, not the order
                failed = error
            else:
                failed = None
        if failed is not None:
            raise failed
        return len(rows)

    async def reconcile(self) -> int:
        """Bring the open videos that have a run up to date; how many. Raises ServiceError."""
        rows = await self._open_videos(Video.run_id.is_not(None), MOST_OPEN)
        if not rows:
            return 0
        runs = await self._prefect.runs(row.run_id for row in rows if row.run_id)
        places = await self._positions(runs)
        told = await self._prefect.progress(
            id for id, run in runs.items() if run.state == "RUNNING"
        )
        for row in rows:
            await self._heal(row, runs.get(row.run_id or ""), places, told)
        return len(rows)

    async def _open_videos(self, which: ColumnElement[bool], most: int) -> Sequence[Video]:
        """The oldest first."""
        query = select(Video).where(Video.open.is_(True), which).order_by(Video.id).limit(most)
        async with self._database.reading() as session:
            return (await session.scalars(query)).all()

    async def _order(self, video: Video) -> None:
        async with self._database.writing() as session:
            taken = await session.execute(
                update(Video)
                .where(Video.id == video.id, Video.open.is_(True), Video.run_id.is_(None))
                .values(claimed=True)
            )
            if not _changed(taken):
                return  # cancelled meanwhile
        if video.runs and await self._finished_before(video):
            return
        try:
            run_id = await self._prefect.order(self._order_of(video))
        except ServiceRefused as error:
            log.error("Prefect refuses video %s: %s", video.id, error)
            failure = Failure(code=error.code, message="the video could not be scheduled")
            await self._end(video, "failed", failure=failure)
            return
        async with self._database.writing() as session:
            await session.execute(
                update(Video)
                .where(Video.id == video.id, Video.run_id.is_(None))
                .values(run_id=run_id, runs=Video.runs + 1)
            )

    def _order_of(self, video: Video) -> Order:
        return Order(
            deployment=self._deployment,
            parameters={"request": video.order},
            caller=video.owner,
            queue=video.queue,
            key=video.id if not video.runs else f"{video.id}-{video.runs}",
            cost_s=video.speech_s,
            tags=(VIDEO + video.id,),
        )

    async def _finished_before(self, video: Video) -> bool:
        """A deleted run may have delivered: then nothing is rendered twice."""
        result = await self._read(video, "result.json", VideoResult)
        if result is None:
            return False
        await self._end(video, "done", result=result)
        return True

    async def _positions(self, runs: Mapping[str, Run]) -> dict[str, int]:
        if not any(run.state == "SCHEDULED" for run in runs.values()):
            return {}
        waiting = await self._prefect.waiting(self._deployment)
        return {run_id: place for place, run_id in enumerate(waiting, 1)}

    async def _heal(
        self,
        video: Video,
        run: Run | None,
        places: Mapping[str, int],
        told: Mapping[str, Progress],
    ) -> None:
        if run is None:
            await self._lost(video)
        elif run.state in FINAL:
            await self._ended(video, run)
        else:
            if video.cancel_asked and run.state != "CANCELLING":
                await self._prefect.cancel(run.id)
            await self._under_way(video, run, places.get(run.id), told.get(run.id))

    async def _lost(self, video: Video) -> None:
        """Somebody deleted the run in Prefect."""
        if video.cancel_asked:
            await self._end(video, "cancelled")
        elif video.runs >= MOST_RUNS:
            failure = Failure(code="run_deleted", message="its run was deleted three times")
            await self._end(video, "failed", failure=failure)
        else:
            log.warning("the run of video %s is gone: ordering another", video.id)
            async with self._database.writing() as session:
                await session.execute(
                    update(Video)
                    .where(Video.id == video.id, Video.run_id == video.run_id)
                    .values(run_id=None, claimed=False)
                )

    async def _ended(self, video: Video, run: Run) -> None:
        if run.state == "COMPLETED":
            result = await self._read(video, "result.json", VideoResult)
            if result is not None:
                await self._end(video, "done", result=result)
            else:
                failure = Failure(code="result_missing", message="the finished video is not stored")
                await self._end(video, "failed", failure=failure)
        elif run.state == "CANCELLED":
            await self._end(video, "cancelled")
        elif run.state == "CRASHED" and now() - run.since < CRASH_GRACE:
            return  # it may be asked for again
        else:
            failure = await self._read(video, "error.json", Failure) or _unexplained(run)
            await self._end(video, "failed", failure=failure)

    async def _under_way(
        self, video: Video, run: Run, place: int | None, told: Progress | None
    ) -> None:
        running = run.started_at is not None and run.state not in ("SCHEDULED", "PENDING")
        status = "running" if running or video.status == "running" else "queued"
        stage = told.stage if told else ("Starting" if running else None)
        percent = max(video.percent, told.percent) if told else video.percent
        seen = (video.status, video.stage, round(video.percent), video.position)
        if seen == (status, stage or video.stage, round(percent), place):
            return
        async with self._database.writing() as session:
            row = await _open(session, video.id)
            if row is None:
                return
            began = row.status != status
            row.status, row.position, row.percent = status, place, percent
            row.stage = stage or row.stage
            row.started_at = row.started_at or run.started_at
            row.eta_s = _remaining_s(row)
            events.emit(session, row, None if began else events.PROGRESS)

    async def _end(
        self,
        video: Video,
        status: str,
        *,
        result: VideoResult | None = None,
        failure: Failure | None = None,
    ) -> None:
        """The video's last change, its event and its account, together and once."""
        async with self._database.writing() as session:
            row = await _open(session, video.id)
            if row is None:
                return
            row.status, row.open, row.finished_at = status, False, now()
            row.position, row.eta_s, row.stage = None, None, None
            row.error = failure.model_dump() if failure else None
            seconds = render = 0.0
            if result is not None:
                row.result, row.percent = result.model_dump(mode="json"), 100.0
                seconds, render = result.duration_s, render_seconds(result)
                row.price = price_of(seconds, self._prices)
            await accounts.settle(session, row, seconds, render)
            events.emit(session, row)

    async def _read(self, video: Video, name: str, kind: type[M]) -> M | None:
        """What the flow left in the store. Raises ServiceError."""
        try:
            path = await anyio.to_thread.run_sync(self._store.path, f"videos/{video.id}/{name}")
            return kind.model_validate_json(await anyio.Path(path).read_bytes())
        except MissingFile:
            return None
        except ValidationError as error:
            log.error("%s of video %s cannot be read: %s", name, video.id, error)
            return None


async def cancel(session: AsyncSession, video: Video) -> None:
    """Cancelled at once where no dispatcher has begun with it, asked for otherwise."""
    video.cancel_asked = True
    if video.claimed:
        return
    video.status, video.open, video.finished_at = "cancelled", False, now()
    video.position = video.eta_s = None
    await accounts.settle(session, video, 0.0, 0.0)
    events.emit(session, video)


async def _open(session: AsyncSession, name: str) -> Video | None:
    query = select(Video).where(Video.id == name, Video.open.is_(True)).with_for_update()
    found: Video | None = await session.scalar(query)
    return found


def _remaining_s(video: Video) -> float | None:
    """What was foreseen, less what has passed; while it waits the quote stands."""
    if video.eta_s is None or video.started_at is None or video.percent <= 0:
        return video.eta_s
    passed = (now() - video.started_at).total_seconds()
    return round(passed * (100 - video.percent) / video.percent, 1)


def _unexplained(run: Run) -> Failure:
    """Without error.json the run did not get to say why: its machine was lost, or it timed out."""
    log.error("run %s ended %s without a reason in the store: %s", run.id, run.name, run.message)
    code = "render_crashed" if run.state == "CRASHED" else "render_failed"
    return Failure(
        code=code, message="rendering stopped on our side: make the video again", retryable=True
    )


def _changed(result: object) -> bool:
    return getattr(result, "rowcount", 0) == 1
