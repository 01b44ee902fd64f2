"""Gives accepted videos to Prefect, each under its id: the same id, the same run.

What becomes of the runs, api.reconcile sees. One gateway of all does both (api.leader). Should two
ever, for the moment of a lost lease, an order's key and the guarded updates make the second one's
work void.
"""

import logging
from collections.abc import Sequence

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from api import accounts, events
from api.clock import now
from api.database import Database
from api.ending import Ending
from api.jobs import Order, Prefect
from api.logs import facts_of
from api.tables import Video
from models.contracts import Failure
from models.errors import ServiceRefused, ServiceUnavailable
from models.journal import BATCH, REQUEST, VIDEO

log = logging.getLogger(__name__)

AT_ONCE = 50  # orders in one pass


class Dispatcher:
    def __init__(
        self, database: Database, prefect: Prefect, ending: Ending, deployment: str
    ) -> None:
        self._database, self._prefect, self._ending = database, prefect, ending
        self._deployment = deployment

    async def dispatch(self) -> int:
        """Order runs for videos that have none; how many. Raises ServiceError."""
        rows = await self._undispatched()
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

    async def _undispatched(self) -> Sequence[Video]:
        """The oldest first."""
        without_run = (Video.open.is_(True), Video.run_id.is_(None), Video.fetching.is_(False))
        query = select(Video).where(*without_run).order_by(Video.id).limit(AT_ONCE)
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
            log.info("ordered %s", video.id, extra={"facts": {**facts_of(video), "run": run_id}})
        except ServiceRefused as error:
            log.error("Prefect refuses video %s: %s", video.id, error)
            failure = Failure(code=error.code, message="the video could not be scheduled")
            await self._ending.end(video.id, "failed", failure=failure)
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
            tags=_tags(video),
        )

    async def _finished_before(self, video: Video) -> bool:
        """A deleted run may have delivered: then nothing is rendered twice."""
        result = await self._ending.result(video.id)
        if result is None:
            return False
        await self._ending.end(video.id, "done", result=result)
        return True


async def cancel(session: AsyncSession, video: Video) -> None:
    """Cancelled at once where no dispatcher has begun with it, asked for otherwise."""
    video.cancel_asked = True
    if video.claimed:
        return
    video.status, video.open, video.finished_at = "cancelled", False, now()
    video.position = video.eta_s = None
    await accounts.settle(session, video, 0.0, 0.0)
    events.emit(session, video)


def _tags(video: Video) -> tuple[str, ...]:
    """What leads from the run back to who asked."""
    given = ((VIDEO, video.id), (REQUEST, video.request_id), (BATCH, video.batch_id))
    return tuple(mark + name for mark, name in given if name)


def _changed(result: object) -> bool:
    return getattr(result, "rowcount", 0) == 1
