"""Delete means delete: what a video or an upload left behind elsewhere goes too.

The row that asks for it is written in the transaction that deletes, so that nothing is overlooked
when this process dies. Work files are shared by videos that are made of the same; while one of
those is being made they stay, and go afterwards.

    the store        files of the video, its work files, Prefect's records of them
    Prefect          flow runs, which hold the words, and artifacts, which hold pictures
    Langfuse         the trace
    the database     events and messages to webhooks, and answers to Idempotency-Keys
"""

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import anyio
from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from api.clock import now
from api.database import Database
from api.jobs import Prefect
from api.tables import Answered, Examination, Forgotten, Upload, Video, WebhookOutbox
from api.traces import Traces
from api.webhooks.tables import Delivery
from models.errors import AvatarError, MissingFile
from models.expiry import WORK, folder_of
from models.journal import JOURNAL, Journal
from models.storage import Store
from models.watermark import ledger

log = logging.getLogger(__name__)

AT_ONCE = 20
SETTLED = timedelta(seconds=10)  # in which a run that has ended may still write its journal
LATER = timedelta(seconds=30)  # another look at what is still needed
RECORDS = ("results", "prefect-results")  # folders in which Prefect keeps what tasks returned
PREFLIGHTS = "preflights"


async def forget_video(session: AsyncSession, video: Video) -> None:
    """The row, whatever tells of it, and the order to forget the rest. What it cost stays."""
    at = max(now(), (video.finished_at or now()) + SETTLED)
    _ask(session, video.id, video.owner, at, run_id=video.run_id, order=video.order)
    await _forget_messages(session, video.id)
    told = Answered.body["id"].as_string() == video.id
    await session.execute(delete(Answered).where(Answered.owner == video.owner, told))
    await session.execute(delete(Video).where(Video.id == video.id))


async def forget_upload(session: AsyncSession, upload: Upload) -> None:
    """The row, what preflights saw in it, and the order to forget what was made of it."""
    order = {"portrait": {"image": f"store:{upload.key}"}}
    if upload.kind != "image":
        order = {"speech": {"audio": f"store:{upload.key}"}}
    _ask(session, upload.id, upload.owner, now(), key=upload.key, order=order)
    await session.execute(delete(Upload).where(Upload.id == upload.id))


class Forgetting:
    def __init__(
        self, database: Database, store: Store, prefect: Prefect, traces: Traces | None
    ) -> None:
        self._database, self._store = database, store
        self._prefect, self._traces = prefect, traces

    async def forget(self) -> int:
        """What is due; how many. What cannot be done now stays, and is tried again."""
        query = select(Forgotten).where(Forgotten.due_at <= now()).order_by(Forgotten.due_at)
        async with self._database.reading() as session:
            due = (await session.scalars(query.limit(AT_ONCE))).all()
        for row in due:
            try:
                done = await self._forget(row)
            except (AvatarError, OSError) as error:
                log.error("%s cannot be forgotten yet: %s", row.name, error)
                done = False
            await self._settle(row, done)
        return len(due)

    async def _forget(self, row: Forgotten) -> bool:
        if await self._is_needed(row):
            return False
        if row.key is not None:
            return await self._forget_upload(row, row.key)
        await anyio.to_thread.run_sync(self._forget_files, row.name, row.run_id)
        await self._prefect.forget(row.name)
        if self._traces is not None:
            await self._traces.forget(row.name)
        return True

    async def _is_needed(self, row: Forgotten) -> bool:
        """Whether a video that is being made is made of the same."""
        query = select(Video.order).where(Video.open.is_(True), Video.run_id.is_not(None))
        async with self._database.reading() as session:
            orders = (await session.scalars(query)).all()
        return any(_shares(order, row.order) for order in orders)

    async def _forget_upload(self, row: Forgotten, key: str) -> bool:
        async with self._database.writing() as session:
            others = await session.scalar(select(Upload.id).where(Upload.key == key).limit(1))
            made = select(Video.id, Video.order).where(Video.owner == row.owner)
            videos = [
                name for name, order in await session.execute(made) if _shares(order, row.order)
            ]
            digests = await _forget_preflights(session, row.owner, f"store:{key}")
        await anyio.to_thread.run_sync(self._forget_made_of, videos, digests)
        if others is None:
            await anyio.to_thread.run_sync(self._store.delete, key)
        return True

    def _forget_files(self, video: str, run_id: str | None) -> None:
        self._forget_work(video)
        ledger.forget(video, self._store)
        for folder in RECORDS if run_id else ():
            self._store.delete(f"{folder}/accepted-{run_id}")
        self._forget_under(f"videos/{video}/")

    def _forget_made_of(self, videos: Sequence[str], digests: Sequence[str]) -> None:
        for video in videos:
            self._forget_work(video)
        for digest in digests:
            self._forget_under(f"{PREFLIGHTS}/{digest}/")

    def _forget_work(self, video: str) -> None:
        """By the video's journal; without one there is nothing that is known of."""
        try:
            file = self._store.path(f"videos/{video}/{JOURNAL}")
        except MissingFile:
            return
        for key in Journal.model_validate_json(file.read_text(encoding="utf-8")).files:
            if folder_of(key) in WORK:
                self._store.delete(key)
                for folder in RECORDS:
                    self._store.delete(f"{folder}/{key.replace('/', '-')}")

    def _forget_under(self, prefix: str) -> None:
        for entry in list(self._store.entries(prefix)):
            self._store.delete(entry.key)

    async def _settle(self, row: Forgotten, done: bool) -> None:
        async with self._database.writing() as session:
            found = await session.get(Forgotten, row.name)
            if found is not None and done:
                await session.delete(found)
            elif found is not None:
                found.due_at = now() + LATER


def _ask(session: AsyncSession, name: str, owner: str, at: datetime, **more: Any) -> None:  # noqa: ANN401
    session.add(Forgotten(name=name, owner=owner, due_at=at, **more))


async def _forget_messages(session: AsyncSession, video: str) -> None:
    """Also those on their way: they hold the request."""
    sent = select(Delivery.event_id).where(Delivery.video_id == video)
    told = WebhookOutbox.payload[("video", "id")].as_string() == video
    waiting = select(WebhookOutbox.id).where(WebhookOutbox.taken_at.is_(None), told)
    names = {*await session.scalars(sent), *await session.scalars(waiting)}
    await session.execute(delete(WebhookOutbox).where(WebhookOutbox.id.in_(names)))


async def _forget_preflights(session: AsyncSession, owner: str, source: str) -> list[str]:
    """Digests of the reports that nobody else has asked for."""
    rows = (await session.scalars(select(Examination).where(Examination.owner == owner))).all()
    mine = [row for row in rows if source in _sources(row.order)]
    for row in mine:
        await session.delete(row)
    await session.flush()
    digests = {row.digest for row in mine}
    others = select(Examination.digest).where(Examination.digest.in_(digests))
    return sorted(digests - set(await session.scalars(others)))


def _shares(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether two orders may count on the same work files."""
    return bool(_sources(one) & _sources(other)) or (
        one.get("speech") is not None and one.get("speech") == other.get("speech")
    )


def _sources(order: dict[str, Any]) -> set[str]:
    """Files that are named in an order of a video or a preflight."""
    named = (
        (order.get("portrait") or {}).get("image"),
        (order.get("speech") or {}).get("audio"),
        order.get("recording"),
    )
    return {name for name in named if name}
