"""Ends a video as the dispatcher does when its run has delivered, without Prefect."""

import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import select

from api import events
from api.clock import now
from api.database import Database
from api.tables import Video
from models.contracts import Failure
from models.storage import store_at
from tests.api.prefect_by_hand import result
from tests.api.running import Api

MP4 = bytes(range(256)) * 40
FILES = {
    "video.mp4": MP4,
    "captions.srt": b"1\n00:00:00,000 --> 00:00:01,000\nPapa.\n",
    "captions.vtt": b"WEBVTT\n",
    "thumbnail.jpg": b"\xff\xd8\xff\xe0",
    "manifest.json": b"{}",
}


def finish(
    api: Api,
    video: str,
    failure: Failure | None = None,
    files: Mapping[str, bytes] = FILES,
) -> None:
    store = store_at(api.settings.store)
    with tempfile.TemporaryDirectory() as folder:
        for name, content in files.items():
            file = Path(folder) / name
            file.write_bytes(content)
            store.put(file, f"videos/{video}/{name}")

    async def end(database: Database) -> None:
        async with database.writing() as session:
            row = await session.get_one(Video, video)
            row.status, row.open = ("failed" if failure else "done"), False
            row.error = failure.model_dump() if failure else None
            row.result = None if failure else result(f"videos/{video}").model_dump(mode="json")
            row.percent, row.finished_at = 100.0, now()
            events.emit(session, row)

    api.in_database(end)


@contextmanager
def finishing(api: Api, failure: Failure | None = None) -> Iterator[None]:
    """Whatever is asked for meanwhile is done a moment later."""
    over = threading.Event()

    async def waiting(database: Database) -> list[str]:
        async with database.reading() as session:
            return list(await session.scalars(select(Video.id).where(Video.open.is_(True))))

    def work() -> None:
        while not over.wait(0.1):
            for video in api.in_database(waiting):
                finish(api, video, failure)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
