"""Uploads: pictures and recordings, sent as they are, kept under their hash."""

import tempfile
from pathlib import Path
from typing import Annotated, Literal

import anyio
from fastapi import APIRouter, Query, Request, Response
from sqlalchemy import func, select

from api import uploads
from api.auth import Reader, Writer
from api.contracts import UploadPage, UploadResource
from api.forgotten import forget_upload
from api.gateway import Here
from api.owned import owned
from api.pages import Cursor, Limit, page
from api.recording import record
from api.resources import upload_resource
from api.responses import headers, links, problems
from api.strict import StrictRoute
from api.tables import Upload

router = APIRouter(prefix="/v1/uploads", tags=["uploads"], route_class=StrictRoute)

BINARY = {"schema": {"type": "string", "format": "binary"}}
BODY = {
    "requestBody": {
        "required": True,
        "description": "The file itself. Pictures: JPEG, PNG, WebP, HEIC, AVIF, GIF, at most "
        "10 MB, decoded here. Recordings: WAV, MP3, M4A, FLAC, Ogg, AAC, WebM, at most 50 MB, "
        "recognised here and decoded by the preflight.",
        "content": {"application/octet-stream": BINARY},
    }
}
KNOWN = {
    "headers": headers("Location"),
    "links": links("upload_id", "get_upload", "delete_upload"),
}


@router.post(
    "",
    status_code=201,
    response_model=UploadResource,
    openapi_extra=BODY,
    responses={
        201: {"description": "Kept.", **KNOWN},
        200: {"description": "You sent the same file before.", "model": UploadResource, **KNOWN},
        **problems(408, 413, 415, 507),
    },
)
async def upload(
    request: Request, response: Response, caller: Writer, here: Here
) -> UploadResource:
    """Send a file: `curl --data-binary @portrait.jpg`. The same bytes have the same upload."""
    with tempfile.TemporaryDirectory(prefix="avatar-upload-") as folder:
        received = await uploads.receive(request.stream(), Path(folder))
        accepted = await uploads.accept(received, here.store)
    row, is_new = await record(here.database, caller.owner, accepted)
    response.status_code = 201 if is_new else 200
    response.headers["Location"] = f"/v1/uploads/{row.id}"
    return upload_resource(row)


@router.get("", response_model=UploadPage, responses=problems())
async def list_uploads(
    caller: Reader,
    here: Here,
    limit: Limit = 20,
    cursor: Cursor = None,
    kind: Annotated[Literal["image", "audio"] | None, Query(description="Only these.")] = None,
) -> UploadPage:
    """Your uploads, the newest first."""
    query = select(Upload).where(Upload.owner == caller.owner)
    if kind is not None:
        query = query.where(Upload.kind == kind)
    async with here.database.reading() as session:
        rows, following = await page(session, query, Upload.id, cursor, limit, lambda row: row.id)
    return UploadPage(data=tuple(map(upload_resource, rows)), next_cursor=following)


@router.get("/{upload_id}", response_model=UploadResource, responses=problems(404))
async def get_upload(upload_id: str, caller: Reader, here: Here) -> UploadResource:
    async with here.database.reading() as session:
        return upload_resource(await owned(session, Upload, caller.owner, upload_id))


@router.delete(
    "/{upload_id}",
    status_code=204,
    responses={204: {"description": "It is gone."}, **problems(404)},
)
async def delete_upload(upload_id: str, caller: Writer, here: Here) -> Response:
    """Delete it; finished videos stay, waiting ones that need it fail."""
    async with here.database.writing() as session:
        row = await owned(session, Upload, caller.owner, upload_id)
        await forget_upload(session, row)
        others = await session.scalar(
            select(func.count()).select_from(Upload).where(Upload.key == row.key)
        )
    here.leader.wake()
    if not others:
        await anyio.to_thread.run_sync(here.store.delete, row.key)
    return Response(status_code=204)
