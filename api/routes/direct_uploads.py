"""Large files go to S3 by themselves: announce one, send it, complete it."""

from fastapi import APIRouter, Response
from sqlalchemy import delete, select

from api import direct
from api.auth import Writer
from api.contracts import UploadResource
from api.gateway import Here
from api.json_bodies import JsonRoute
from api.owned import owned
from api.problems import Problem
from api.resources import upload_resource
from api.responses import BODY, headers, links, problems
from api.tables import Upload
from api.upload_contracts import DirectUpload, NewDirectUpload

router = APIRouter(prefix="/v1/uploads", tags=["uploads"], route_class=JsonRoute)

STILL_OPEN = "upload_not_sent"  # after every other refusal it begins anew


@router.post(
    "/direct",
    status_code=201,
    response_model=DirectUpload,
    responses={
        201: {"description": "Send the file to `put.url`, then complete it."},
        200: {"description": "You have the same file already.", "model": DirectUpload},
        **problems(409, *BODY),
    },
)
async def announce_upload(
    request: NewDirectUpload, response: Response, caller: Writer, here: Here
) -> DirectUpload:
    """Get an address to send a file to, past this server. Only where files are kept in S3."""
    row = direct.pending(caller.owner, request)
    put = direct.put_for(row, here.store)
    async with here.database.writing() as session:
        same = select(Upload).where(Upload.owner == caller.owner, Upload.sha256 == request.sha256)
        if found := await session.scalar(same):
            response.status_code = 200
            return DirectUpload(upload=upload_resource(found))
        session.add(row)
    return DirectUpload(upload=upload_resource(row), put=put)


@router.post(
    "/{upload_id}/complete",
    response_model=UploadResource,
    responses={
        200: {
            "description": "Kept. The id is another where you had the same file already.",
            "headers": headers("Location"),
            "links": links("upload_id", "get_upload", "delete_upload"),
        },
        **problems(404, 409, 413, 415, 507),
    },
)
async def complete_upload(
    upload_id: str, response: Response, caller: Writer, here: Here
) -> UploadResource:
    """Have what was sent looked at, as any upload; what would not do is deleted."""
    async with here.database.reading() as session:
        row = await owned(session, Upload, caller.owner, upload_id)
    if row.status == "pending":
        row = await _completed(here, row)
    response.headers["Location"] = f"/v1/uploads/{row.id}"
    return upload_resource(row)


async def _completed(here: Here, row: Upload) -> Upload:
    try:
        accepted = await direct.completed(row, here.store)
    except Problem as problem:
        if problem.status < 500 and problem.code != STILL_OPEN:
            async with here.database.writing() as session:
                await session.execute(delete(Upload).where(Upload.id == row.id))
        raise
    return await direct.record(here.database, row, accepted)
