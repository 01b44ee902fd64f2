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
from datetime import timedelta

import anyio
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from api.background import Tasks
from api.clock import now
from api.database import Database
from api.forgotten import forget_preflights, shares
from api.jobs import Prefect
from api.tables import Forgotten, Upload, Video
from api.traces import Traces
from models.errors import AvatarError, MissingFile
from models.expiry import WORK, folder_of
from models.journal import JOURNAL, Journal
from models.storage import Store
from models.watermark import ledger

log = logging.getLogger(__name__)

AT_ONCE = 4
LATER = timedelta(seconds=30)  # another look at what is still needed
RECORDS = ("results", "prefect-results")  # folders in which Prefect keeps what tasks returned
PREFLIGHTS = "preflights"


class Forgetting:
    def __init__(
        self, database: Database, store: Store, prefect: Prefect, traces: Traces | None
    ) -> None:
        self._database, self._store = database, store
        self._prefect, self._traces = prefect, traces
        self._tasks = Tasks()

    async def start(self) -> None:
        """Begin with what is due and is not begun with: dispatching does not wait for it."""
        query = select(Forgotten).where(Forgotten.due_at <= now()).order_by(Forgotten.due_at)
        async with self._database.reading() as session:
            due = (await session.scalars(query.limit(AT_ONCE))).all()
        for row in due:
            if row.name not in self._tasks:
                self._tasks.begin(row.name, self._guarded(row))

    async def stop(self) -> None:
        await self._tasks.stop()

    async def _guarded(self, row: Forgotten) -> None:
        """What cannot be done now stays, and is tried again."""
        done = False
        try:
            done = await self._forget(row)
        except (AvatarError, OSError) as error:
            log.error("%s cannot be forgotten yet: %s", row.name, error)
        except Exception:
            log.exception("%s cannot be forgotten yet", row.name)
        try:
            await self._settle(row, done)
        except SQLAlchemyError as error:
            log.error("what became of forgetting %s was not noted: %s", row.name, error)

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
        return any(shares(order, row.order) for order in orders)

    async def _forget_upload(self, row: Forgotten, key: str) -> bool:
        async with self._database.writing() as session:
            others = await session.scalar(select(Upload.id).where(Upload.key == key).limit(1))
            made = select(Video.id, Video.order).where(Video.owner == row.owner)
            videos = [
                name for name, order in await session.execute(made) if shares(order, row.order)
            ]
            digests = await forget_preflights(session, row.owner, f"store:{key}")
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
