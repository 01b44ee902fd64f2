"""A caller's own things by id: another's is answered as one that does not exist."""

from typing import Any, TypeVar

from sqlalchemy import Select, bindparam, select
from sqlalchemy.ext.asyncio import AsyncSession

from api.ids import is_id
from api.problems import Problem, not_found
from api.tables import Batch, Upload, Video
from api.webhooks.tables import Delivery, Endpoint

Thing = TypeVar("Thing", Batch, Delivery, Endpoint, Upload, Video)

KINDS: dict[type[Any], tuple[str, str]] = {  # what callers call it, and the prefix of its ids
    Batch: ("batch", "bat"),
    Delivery: ("delivery", "dlv"),
    Endpoint: ("webhook", "whk"),
    Upload: ("upload", "upl"),
    Video: ("video", "vid"),
}


def _query(kind: type[Any]) -> Select[Any]:
    return select(kind).where(kind.id == bindparam("name"), kind.owner == bindparam("owner"))


QUERIES = {kind: _query(kind) for kind in KINDS}  # made once: reads are asked most often


async def owned_upload(session: AsyncSession, owner: str, name: str, kind: str, field: str) -> str:
    """The sha256 of an upload that a body names. Raises Problem 422."""
    query = select(Upload).where(Upload.id == name, Upload.owner == owner)
    row = await session.scalar(query)
    if row is None or row.status != "ready" or row.kind != kind or row.sha256 is None:
        detail = f"{field} names no {kind} of yours ({name}): upload the file first"
        raise Problem(422, "invalid_request", detail, field=field)
    return row.sha256


async def owned(
    session: AsyncSession, kind: type[Thing], owner: str, name: str, *, change: bool = False
) -> Thing:
    """The row, locked where it is to be changed. Raises Problem 404, also for another owner's."""
    word, prefix = KINDS[kind]
    row = None
    if is_id(name, prefix):
        query = QUERIES[kind].with_for_update() if change else QUERIES[kind]
        row = await session.scalar(query, {"name": name, "owner": owner})
    if not isinstance(row, kind):
        raise not_found(word, name)
    return row
