"""Files that callers send to S3 themselves.

What they say of a file beforehand, its kind, size and hash, is signed into the address that they
send it to. Afterwards it is fetched from where it landed and looked at exactly as one that came
through the gateway; then it is kept under its hash, and what was sent is deleted either way.
"""

import asyncio
from datetime import timedelta
from pathlib import Path

import anyio
from sqlalchemy import delete, select, update
from sqlalchemy.exc import IntegrityError

from api import uploads
from api.clock import now
from api.database import Database
from api.ids import new_id
from api.links import Presigning
from api.problems import Problem, of_error
from api.tables import Upload
from api.upload_contracts import NewDirectUpload, Put
from models.errors import AvatarError, InputError
from models.storage import Store, file_sha256

INCOMING = "incoming/"
LASTING = timedelta(hours=1)  # of the address
KEPT = timedelta(hours=24)  # of what was begun and not completed
UNKNOWN = "application/octet-stream"


def pending(owner: str, asked: NewDirectUpload) -> Upload:
    """Its hash stands in the key alone: it is only said, and by many perhaps."""
    name = new_id("upl")
    return Upload(
        id=name,
        owner=owner,
        status="pending",
        key=f"{INCOMING}{asked.sha256}/{name}",
        kind=asked.kind,
        media_type=UNKNOWN,
        size=asked.size,
        created_at=now(),
    )


def put_for(row: Upload, store: Store) -> Put:
    """Where to send it. Raises Problem 409 where files go through the gateway."""
    if not isinstance(store, Presigning):
        raise Problem(
            409,
            "direct_upload_unavailable",
            "this gateway keeps files itself: send the file to /v1/uploads",
        )
    lasting_s = int(LASTING.total_seconds())
    url, headers = store.presigned_put(row.key, row.size, _said(row), lasting_s)
    return Put(url=url, headers=headers, expires_at=now() + LASTING)


async def completed(row: Upload, store: Store) -> uploads.Accepted:
    """What was sent, looked at and kept. Raises Problem, and AvatarError where S3 fails.

    After a Problem the file is gone from where it was sent to, unless it never came.
    """
    await anyio.to_thread.run_sync(_check_size, row, store)
    try:
        path = await anyio.to_thread.run_sync(store.path, row.key)
        received = await anyio.to_thread.run_sync(_received, path)
        if received.sha256 != _said(row):
            raise _other_bytes("its hash is another")
        found = await uploads.accept(received, store)
        if found.kind != row.kind:
            raise _other_bytes(f"it is of kind {found.kind}")
    except (Problem, InputError) as error:
        await anyio.to_thread.run_sync(store.delete, row.key)
        raise of_error(error) if isinstance(error, AvatarError) else error from None
    await anyio.to_thread.run_sync(store.delete, row.key)
    return found


async def record(database: Database, row: Upload, file: uploads.Accepted) -> Upload:
    """The upload, ready; the owner's earlier one of the same bytes, where there is one."""
    try:
        async with database.writing() as session:
            change = update(Upload).where(Upload.id == row.id, Upload.status == "pending")
            await session.execute(change.values(status="ready", **vars(file)))
            return await session.get_one(Upload, row.id, populate_existing=True)
    except IntegrityError:
        async with database.writing() as session:
            await session.execute(delete(Upload).where(Upload.id == row.id))
            same = select(Upload).where(Upload.owner == row.owner, Upload.sha256 == file.sha256)
            return (await session.scalars(same)).one()


async def forget_stale(database: Database, store: Store) -> None:
    """What was begun a day ago, and what was sent and never completed."""
    before = now() - KEPT
    async with database.writing() as session:
        stale = (Upload.status == "pending", Upload.created_at < before)
        await session.execute(delete(Upload).where(*stale))
    for entry in await asyncio.to_thread(lambda: list(store.entries(INCOMING))):
        if entry.modified < before:
            await asyncio.to_thread(store.delete, entry.key)


def _check_size(row: Upload, store: Store) -> None:
    """Before anything is fetched. Raises Problem."""
    sent = next(iter(store.entries(row.key)), None)
    if sent is None:
        raise Problem(
            409, "upload_not_sent", f"nothing was sent for {row.id}: send it to its url first"
        )
    if sent.size != row.size:
        store.delete(row.key)
        raise _other_bytes(f"it has {sent.size} bytes")


def _received(path: Path) -> uploads.Received:
    with path.open("rb") as file:
        head = file.read(uploads.HEAD_BYTES)
    return uploads.Received(path, file_sha256(path), path.stat().st_size, head)


def _said(row: Upload) -> str:
    return row.key.removeprefix(INCOMING).partition("/")[0]


def _other_bytes(how: str) -> Problem:
    return Problem(
        422, "upload_mismatch", f"the file is not the one that was announced, {how}: begin anew"
    )
