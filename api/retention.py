"""Finished videos are kept as long as the operator says, then deleted as a caller would."""

import logging
from datetime import timedelta

from sqlalchemy import select

from api.clock import now
from api.database import Database
from api.forgotten import forget_video
from api.tables import Video

log = logging.getLogger(__name__)

AT_ONCE = 100


class Retention:
    def __init__(self, database: Database, videos_days: float) -> None:
        """0 days: for ever."""
        self._database, self._days = database, videos_days

    async def keep(self) -> int:
        """Delete what is too old, the oldest first; how many."""
        if not self._days:
            return 0
        before = now() - timedelta(days=self._days)
        query = select(Video).where(Video.open.is_(False), Video.finished_at < before)
        async with self._database.writing() as session:
            old = (await session.scalars(query.order_by(Video.finished_at).limit(AT_ONCE))).all()
            for video in old:
                await forget_video(session, video)
                log.info("deleted %s: it was kept for %g days", video.id, self._days)
        return len(old)
