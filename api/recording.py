"""A file that was kept becomes an upload of its owner: the same bytes, the same upload."""

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from api.clock import now
from api.database import Database
from api.ids import new_id
from api.tables import Upload
from api.uploads import Accepted


async def record(database: Database, owner: str, file: Accepted) -> tuple[Upload, bool]:
    """The row, and whether it is new."""
    found = await _same(database, owner, file.sha256)
    if found is not None:
        return found, False
    row = Upload(id=new_id("upl"), owner=owner, status="ready", created_at=now(), **vars(file))
    try:
        async with database.writing() as session:
            session.add(row)
    except IntegrityError:  # the same file, at the same moment
        found = await _same(database, owner, file.sha256)
        if found is None:
            raise
        return found, False
    return row, True


async def _same(database: Database, owner: str, sha256: str) -> Upload | None:
    async with database.reading() as session:
        query = select(Upload).where(Upload.owner == owner, Upload.sha256 == sha256)
        found: Upload | None = await session.scalar(query)
        return found
