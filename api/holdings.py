"""All that is held about an owner: to be handed over, or to be deleted.

Every table with a column `owner` is part of it, so that a new one cannot be overlooked.
"""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Any

import anyio
from sqlalchemy import Column, Select, delete, select
from sqlalchemy import Table as SqlTable

from api.database import Database
from api.forgotten import forget_upload, forget_video
from api.tables import ApiKey, BudgetAlert, Event, Export, Forgotten, Table, Upload, Video
from models.consent import Consents
from models.errors import InvalidRequest
from models.storage import Store

# what opens something, or is of no use outside
SECRETS = frozenset(
    {"hash", "secret", "previous_secret", "claim", "claimed_until", "headers", "url"}
)
SHOWN_URLS = frozenset({"webhook_endpoints", "webhook_deliveries"})
PAGE = 200
Record = dict[str, Any]


async def held(database: Database, store: Store, owner: str) -> AsyncIterator[Record]:
    """Each row and each consent, `table` says of what."""
    for table in tables():
        last: tuple[Any, ...] | None = None
        while page := await _page(database, table, owner, last):
            for row in page:
                yield {"table": table.name, **_told(table, row)}
            last = tuple(page[-1][column.name] for column in table.primary_key)
    for one in await anyio.to_thread.run_sync(Consents(store).of_owner, owner):
        gone = one.withdrawal.model_dump(mode="json") if one.withdrawal else None
        yield {"table": "consents", **one.consent.model_dump(mode="json"), "withdrawal": gone}


async def forget_owner(database: Database, store: Store, owner: str) -> int:
    """Delete all of it, keys and charges too; how many videos. Files go as of deleted videos.

    Raises InvalidRequest while a video is being made.
    """
    async with database.writing() as session:
        videos = (await session.scalars(select(Video).where(Video.owner == owner))).all()
        if any(video.open for video in videos):
            raise InvalidRequest(f"videos of {owner} are being made: cancel them first")
        for video in videos:
            await forget_video(session, video)
        for upload in (await session.scalars(select(Upload).where(Upload.owner == owner))).all():
            await forget_upload(session, upload)
        keys = select(ApiKey.id).where(ApiKey.owner == owner)
        await session.execute(delete(BudgetAlert).where(BudgetAlert.key_id.in_(keys)))
        for table in _owned():
            if table.name != Forgotten.__tablename__:  # the orders to forget the files
                await session.execute(delete(table).where(table.c.owner == owner))
    await anyio.to_thread.run_sync(Consents(store).forget, owner)
    return len(videos)


def tables() -> list[SqlTable]:
    by_reference = (Event, Export, BudgetAlert)
    return [*_owned(), *(one.metadata.tables[one.__tablename__] for one in by_reference)]


def _owned() -> list[SqlTable]:
    return [table for table in Table.metadata.sorted_tables if "owner" in table.c]


async def _page(
    database: Database, table: SqlTable, owner: str, last: tuple[Any, ...] | None
) -> Sequence[Any]:
    query = _query(table, owner).order_by(*table.primary_key).limit(PAGE)
    if last is not None:
        query = query.where(_after(list(table.primary_key), last))
    async with database.reading() as session:
        return (await session.execute(query)).mappings().all()


def _query(table: SqlTable, owner: str) -> Select[Any]:
    if "owner" in table.c:
        return select(table).where(table.c.owner == owner)
    if "video_id" in table.c:
        mine = select(Video.id).where(Video.owner == owner)
        return select(table).where(table.c.video_id.in_(mine))
    return select(table).where(table.c.key_id.in_(select(ApiKey.id).where(ApiKey.owner == owner)))


def _after(columns: list[Column[Any]], last: tuple[Any, ...]) -> Any:  # noqa: ANN401, SQL
    """Row-wise: a key of several columns has an order too."""
    first, *rest = columns
    if not rest:
        return first > last[0]
    return (first > last[0]) | ((first == last[0]) & _after(rest, last[1:]))


def _told(table: SqlTable, row: Any) -> Record:  # noqa: ANN401, a mapping
    shown = {"url"} if table.name in SHOWN_URLS else set()
    hidden = SECRETS - shown
    return {
        name: value.isoformat() if isinstance(value, datetime) else value
        for name, value in row.items()
        if name not in hidden
    }
