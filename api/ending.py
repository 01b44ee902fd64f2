"""A video's last change: what its flow left in the store becomes the row's, once."""

import asyncio
import logging
from typing import TypeVar

import anyio
from pydantic import BaseModel, ValidationError
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from api import accounts, events
from api.clock import now
from api.database import Database
from api.logs import facts_of
from api.metrics import Metrics
from api.quotes import Prices, price_of
from api.resources import render_seconds
from api.tables import Video
from models.contracts import Failure, VideoResult
from models.errors import MissingFile, ServiceUnavailable
from models.storage import Store

log = logging.getLogger(__name__)

READ_S = 3.0  # a slow store must not hold up what needs none
MILLIONTHS = 1_000_000  # of the currency, as prices are kept
READERS = 4  # threads that may be left waiting for it
M = TypeVar("M", bound=BaseModel)


class Ending:
    def __init__(
        self,
        database: Database,
        store: Store,
        prices: Prices,
        metrics: Metrics | None = None,
    ) -> None:
        self._database, self._store, self._prices = database, store, prices
        self._metrics = metrics or Metrics()
        self._readers = anyio.CapacityLimiter(READERS)

    async def end(
        self,
        name: str,
        status: str,
        *,
        result: VideoResult | None = None,
        failure: Failure | None = None,
    ) -> None:
        """Its status, its event and its account together; nothing where it has ended already."""
        async with self._database.writing() as session:
            row = await open_video(session, name)
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
            receipt = result.receipt if result is not None else None
            await accounts.settle(session, row, seconds, render, receipt)
            events.emit(session, row)
            log.info("%s %s", status, name, extra={"facts": facts_of(row)})
        if result is not None and row.finished_at is not None:
            took_s = (row.finished_at - row.created_at).total_seconds()
            self._metrics.done(result, took_s, (row.price or 0) / MILLIONTHS, name)
        else:
            self._metrics.not_done(status, failure.code if failure else "")

    async def result(self, video: str) -> VideoResult | None:
        """Raises ServiceError where the store does not answer."""
        return await self._read(video, "result.json", VideoResult)

    async def failure(self, video: str) -> Failure | None:
        """Raises ServiceError where the store does not answer."""
        return await self._read(video, "error.json", Failure)

    async def _read(self, video: str, name: str, kind: type[M]) -> M | None:
        key = f"videos/{video}/{name}"
        try:
            async with asyncio.timeout(READ_S):
                path = await anyio.to_thread.run_sync(
                    self._store.path, key, abandon_on_cancel=True, limiter=self._readers
                )
            return kind.model_validate_json(await anyio.Path(path).read_bytes())
        except MissingFile:
            return None
        except TimeoutError as error:
            raise ServiceUnavailable(f"{key} did not come from the store in time") from error
        except ValidationError as error:
            log.error("%s of video %s cannot be read: %s", name, video, error)
            return None


async def open_video(session: AsyncSession, name: str) -> Video | None:
    query = select(Video).where(Video.id == name, Video.open.is_(True)).with_for_update()
    found: Video | None = await session.scalar(query)
    return found
