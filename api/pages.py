"""Lists go by cursor: the last id that was seen, newest first. Ids sort by time."""

from collections.abc import Callable, Sequence
from typing import Annotated, TypeVar

from fastapi import Query
from sqlalchemy import Select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

Limit = Annotated[int, Query(ge=1, le=100, description="How many at most.")]
Cursor = Annotated[
    str | None,
    Query(pattern=r"^[a-z]{2,8}_[0-9a-f]{32}$", description="`next_cursor` of the page before."),
]
Row = TypeVar("Row")


async def page(
    session: AsyncSession,
    query: Select[tuple[Row]],
    ids: InstrumentedAttribute[str],
    cursor: str | None,
    limit: int,
    id_of: Callable[[Row], str],
) -> tuple[Sequence[Row], str | None]:
    """The rows, and the cursor of the next page where there is one."""
    if cursor is not None:
        query = query.where(ids < cursor)
    rows = (await session.scalars(query.order_by(ids.desc()).limit(limit + 1))).all()
    more = len(rows) > limit
    rows = rows[:limit]
    return rows, id_of(rows[-1]) if more else None
