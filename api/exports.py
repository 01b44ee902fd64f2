"""Finished videos on their way to their callers' own storage, tried again for about an hour.

The address, which is a secret, lies in a row that is there only while it is needed; what became of
it stands on the video. An export that dies with its process begins again.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from api.background import Tasks
from api.clock import now
from api.contracts import DestinationState, NewVideo
from api.database import Database
from api.destinations import Sender, reason_of, redacted
from api.tables import Export, Video
from models.contracts import VideoResult

log = logging.getLogger(__name__)

AT_ONCE = 4
WAITS = tuple(timedelta(seconds=s) for s in (5, 30, 120, 600, 1_800))  # before each next attempt


@dataclass(frozen=True)
class Due:
    video: str
    url: str
    headers: dict[str, str]
    attempts: int
    keys: tuple[str, ...]  # of its files in our store; none where there is no video


def ask_for(session: AsyncSession, video: Video, request: NewVideo) -> None:
    """Keep where the video is to be sent once it is there."""
    wanted = request.destination
    if wanted is None:
        return
    session.add(
        Export(
            video_id=video.id,
            url=wanted.url,
            headers=dict(wanted.headers),
            attempts=0,
            due_at=video.created_at,
        )
    )
    video.destination = DestinationState(url=redacted(wanted.url), status="waiting").model_dump()


class Exports:
    def __init__(self, database: Database, sender: Sender) -> None:
        self._database, self._sender = database, sender
        self._tasks = Tasks()

    async def start(self) -> None:
        """Begin with what is due and is not begun with."""
        for due in await self._due():
            if due.video not in self._tasks:
                self._tasks.begin(due.video, self._guarded(due))

    async def stop(self) -> None:
        await self._tasks.stop()

    async def _due(self) -> Sequence[Due]:
        query = (
            select(Export, Video.result)
            .join(Video, Video.id == Export.video_id)
            .where(Video.open.is_(False), Export.due_at <= now())
            .order_by(Export.due_at)
            .limit(AT_ONCE)
        )
        async with self._database.reading() as session:
            rows = (await session.execute(query)).all()
        return [
            Due(row.video_id, row.url, row.headers, row.attempts, _keys(result))
            for row, result in rows
        ]

    async def _guarded(self, due: Due) -> None:
        """Whatever happens is written on the video, or a later pass begins anew."""
        try:
            await self._export(due)
        except Exception:
            log.exception("the export of %s could not be noted", due.video)

    async def _export(self, due: Due) -> None:
        if not due.keys:
            await self._settle(due, "failed", "there is no video to send")
            return
        try:
            await self._sender.send(due.url, due.headers, due.keys)
        except Exception as error:
            reason, retryable = reason_of(error)
            log.warning("video %s was not sent to its destination: %s", due.video, error)
            last = not retryable or due.attempts >= len(WAITS)
            await self._settle(due, "failed" if last else "waiting", reason)
        else:
            await self._settle(due, "delivered")

    async def _settle(self, due: Due, status: str, error: str | None = None) -> None:
        async with self._database.writing() as session:
            video = await session.get(Video, due.video, with_for_update=True)
            row = await session.get(Export, due.video)
            if video is None or row is None:
                return  # deleted meanwhile
            row.attempts += 1
            state = DestinationState.model_validate(
                {
                    "url": redacted(due.url),
                    "status": status,
                    "attempts": row.attempts,
                    "error": error,
                    "delivered_at": now() if status == "delivered" else None,
                }
            )
            video.destination = state.model_dump(mode="json")
            if status == "waiting":
                row.due_at = now() + WAITS[due.attempts]
            else:
                await session.execute(delete(Export).where(Export.video_id == due.video))


def _keys(result: dict[str, object] | None) -> tuple[str, ...]:
    """The video first."""
    if result is None:
        return ()
    made = VideoResult.model_validate(result)
    beside = (made.captions_srt, made.captions_vtt, made.thumbnail, made.manifest)
    return (made.video, *(key for key in (*beside, made.contact_sheet) if key))
