"""Inputs that a video names by address are fetched before a run is ordered for it.

They become uploads of the owner. Then the order can be written, and the price, which was not known
when the video was accepted, is checked. Each video is a task of its own, so that a slow server
holds up nobody else; the bounds are for an owner, for a host and for all.

A fetch that dies with its process begins again: the row still says that it is wanted.
"""

import asyncio
import logging
import tempfile
from collections.abc import Sequence
from pathlib import Path
from weakref import WeakValueDictionary

import httpx
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from api import accounts, events, uploads
from api.accepting import Desk, check_price, uploads_of
from api.background import Tasks
from api.contracts import NewVideo
from api.database import Database
from api.ending import Ending, open_video
from api.fetch import Fetcher
from api.orders import Remote, remote_inputs, upload_ids, video_request, with_uploads
from api.problems import Problem
from api.recording import record
from api.tables import Video
from models.contracts import Failure
from models.errors import InputError, InputUnavailable, OutputError
from models.storage import Store

log = logging.getLogger(__name__)

VIDEOS, PER_OWNER = 256, 8  # begun with
FILES, PER_HOST = 16, 2  # on their way
WAITS_S = (2.0, 10.0)  # before the second and the third attempt
AWAY_S = 10.0  # after our own store or database failed


class _InputFailed(Exception):
    """The caller's file or address is at fault."""

    def __init__(self, field: str, error: Problem | InputError) -> None:
        super().__init__(str(error))
        retryable = isinstance(error, InputError) and error.retryable
        message = f"{field}: {error}"
        self.failure = Failure(code=error.code, message=message, retryable=retryable)


class Fetching:
    def __init__(
        self,
        database: Database,
        fetcher: Fetcher,
        store: Store,
        desk: Desk,
        ending: Ending,
    ) -> None:
        self._database, self._fetcher, self._store = database, fetcher, store
        self._desk, self._ending = desk, ending
        self._tasks = Tasks()
        self._files = asyncio.Semaphore(FILES)
        self._hosts: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()

    async def start(self) -> None:
        """Begin with what waits and is not begun with."""
        for video in await self._wanted():
            if video.id not in self._tasks and len(self._tasks) < VIDEOS:
                self._tasks.begin(video.id, self._guarded(video))

    async def stop(self) -> None:
        await self._tasks.stop()

    async def _wanted(self) -> Sequence[Video]:
        """Each owner's oldest."""
        place = func.row_number().over(partition_by=Video.owner, order_by=Video.id)
        wanted = (
            select(Video.id, place.label("place"))
            .where(Video.open.is_(True), Video.fetching.is_(True))
            .subquery()
        )
        first = select(wanted.c.id).where(wanted.c.place <= PER_OWNER)
        query = select(Video).where(Video.id.in_(first)).order_by(Video.id)
        async with self._database.reading() as session:
            return (await session.scalars(query)).all()

    async def _guarded(self, video: Video) -> None:
        """What is not the caller's fault is tried again by a later pass."""
        try:
            await self._fetch(video)
        except Exception:
            log.exception("the inputs of %s could not be fetched on our side", video.id)
            await asyncio.sleep(AWAY_S)

    async def _fetch(self, video: Video) -> None:
        """Raises what is our own fault."""
        request = NewVideo.model_validate({**video.request, "metadata": video.labels})
        try:
            found = {
                field: await self._upload(video.owner, field, remote)
                for field, remote in remote_inputs(request).items()
            }
            async with self._database.writing() as session:
                await self._complete(session, video.id, with_uploads(request, found))
        except _InputFailed as error:
            await self._ending.end(video.id, "failed", failure=error.failure)
        except Problem as problem:
            if problem.status >= 500:
                raise
            failure = Failure(code=problem.code, message=problem.detail)
            await self._ending.end(video.id, "failed", failure=failure)

    async def _upload(self, owner: str, field: str, remote: Remote) -> str:
        """The id of the upload that it became. Raises _InputFailed."""
        try:
            with tempfile.TemporaryDirectory(prefix="avatar-fetch-") as folder:
                accepted = await self._accepted(remote, Path(folder))
        except OutputError:
            raise  # our disk, not their file
        except (Problem, InputError) as error:
            raise _InputFailed(field, error) from error
        row, _ = await record(self._database, owner, accepted)
        return row.id

    async def _accepted(self, remote: Remote, folder: Path) -> uploads.Accepted:
        for wait_s in (*WAITS_S, None):
            try:
                async with self._place(remote), self._files:
                    received = await self._fetcher.fetch(remote.url, remote.kind, folder)
                    return await uploads.accept(received, self._store)
            except InputUnavailable:
                if wait_s is None:
                    raise
                await asyncio.sleep(wait_s)
        raise AssertionError  # the last attempt returns or raises

    def _place(self, remote: Remote) -> asyncio.Semaphore:
        host = httpx.URL(remote.url).host
        return self._hosts.setdefault(host, asyncio.Semaphore(PER_HOST))

    async def _complete(self, session: AsyncSession, name: str, request: NewVideo) -> None:
        """The order, and its price. Raises Problem 402 where that is too high now."""
        row = await open_video(session, name)
        if row is None:
            return  # cancelled meanwhile
        found = await uploads_of(session, row.owner, upload_ids(request))
        row.order = video_request(request, found, f"videos/{name}").model_dump(mode="json")
        made, _ = await self._desk.quote(session, request, found)
        check_price(made, request.max_price)
        await accounts.requote(session, row, made.price)
        row.speech_s, row.eta_s = made.speech_s, made.eta_s
        row.fetching, row.stage = False, None
        events.emit(session, row, events.PROGRESS)
