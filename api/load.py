"""What quotes and ETAs go by: how fast videos were made lately, and what waits now."""

import time
from collections.abc import Sequence

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from api.foresight import Made, Pace, pace_of
from api.quotes import OVERHEAD_S, UNMEASURED_RENDER_S, Queue, Speed, size_factor
from api.resources import render_seconds
from api.tables import Video
from models.contracts import VideoResult

LATELY = 50  # videos
KEPT_S = 5.0


class Load:
    """Asked at every quote, read from the database every few seconds."""

    def __init__(self) -> None:
        self._speed = Speed()
        self._queue = Queue()
        self._read_at = float("-inf")

    async def now(self, session: AsyncSession) -> tuple[Speed, Queue]:
        if time.monotonic() - self._read_at > KEPT_S:
            self._speed, self._queue = await _speed(session), await _queue(session)
            self._read_at = time.monotonic()
        return self._speed, self._queue


async def pace(session: AsyncSession) -> Pace:
    """What stages took lately."""
    query = (
        select(Video.result, Video.started_at, Video.finished_at)
        .where(Video.status == "done", Video.open.is_(False), Video.result.is_not(None))
        .where(Video.started_at.is_not(None))
        .order_by(Video.id.desc())
        .limit(LATELY)
    )
    rows = await session.execute(query)
    return pace_of(
        [
            Made(VideoResult.model_validate(result), (finished - started).total_seconds())
            for result, started, finished in rows
        ]
    )


async def _speed(session: AsyncSession) -> Speed:
    query = (
        select(Video.result)
        .where(Video.status == "done", Video.open.is_(False), Video.result.is_not(None))
        .order_by(Video.id.desc())
        .limit(LATELY)
    )
    found = (await session.scalars(query)).all()
    return speed_of([VideoResult.model_validate(one) for one in found])


def speed_of(results: Sequence[VideoResult]) -> Speed:
    """Of those that were rendered; what came out of the cache tells nothing."""
    rendered = [one for one in results if one.timings_s.get("render", 0) > 0]
    work = sum(max(0.0, render_seconds(one) - OVERHEAD_S) for one in rendered)
    speech = sum(one.duration_s * size_factor(one.width, one.height) for one in rendered)
    if not speech:
        return Speed(UNMEASURED_RENDER_S, 0)
    return Speed(max(0.01, work / speech), len(rendered))


async def _queue(session: AsyncSession) -> Queue:
    query = (
        select(Video.status, func.count(), func.coalesce(func.sum(Video.speech_s), 0.0))
        .where(Video.open.is_(True))
        .group_by(Video.status)
    )
    rows = {status: (count, seconds) for status, count, seconds in await session.execute(query)}
    running, _ = rows.get("running", (0, 0.0))
    return Queue(ahead_s=sum(float(seconds) for _, seconds in rows.values()), slots=max(1, running))
