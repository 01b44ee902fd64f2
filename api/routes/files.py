"""Finished files by signed link: whole, in ranges, or only their headers; no key is needed."""

import mimetypes
from pathlib import Path as FilePath
from typing import Annotated

import anyio
from fastapi import APIRouter, Path, Query, Request, Response
from sqlalchemy import select

from api.gateway import Here
from api.ids import is_id
from api.links import Target, disposition
from api.problems import Problem, not_found
from api.ranged import RangedFile
from api.responses import Responses, problems
from api.tables import Video
from models.errors import MissingFile

router = APIRouter(prefix="/v1/videos", tags=["videos"])

NAMES = r"^(video\.(mp4|webm)|captions\.(srt|vtt)|thumbnail\.jpg|sheet\.png|manifest\.json)$"
MEDIA = {".srt": "application/x-subrip", ".vtt": "text/vtt", ".webm": "video/webm"}
KINDS = (
    "video/mp4",
    "video/webm",
    "application/x-subrip",
    "text/vtt",
    "image/jpeg",
    "image/png",
    "application/json",
)
BYTES = {kind: {"schema": {"type": "string", "format": "binary"}} for kind in KINDS}
TEXT = {"schema": {"type": "string"}, "required": True}
SENT = {
    "ETag": {"description": "Changes when the file does.", **TEXT},
    "Accept-Ranges": {"description": "bytes.", **TEXT},
    "Content-Disposition": {"description": "Its name, for saving.", **TEXT},
}
RANGE = {"Content-Range": {"description": "Which bytes, of how many.", **TEXT}}
RESPONSES: Responses = {
    200: {"description": "The file.", "content": BYTES, "headers": SENT},
    206: {"description": "The range of it.", "content": BYTES, "headers": {**SENT, **RANGE}},
    304: {"description": "You have it: see ETag.", "headers": SENT},
    **problems(400, 404, 416),
}


@router.get("/{video_id}/files/{name}", response_class=Response, responses=RESPONSES)
@router.head("/{video_id}/files/{name}", response_class=Response, responses=RESPONSES)
async def get_file(
    request: Request,
    video_id: str,
    name: Annotated[str, Path(pattern=NAMES)],
    here: Here,
    expires: Annotated[int, Query(ge=0, lt=2**40)],
    signature: Annotated[str, Query(pattern="^[0-9a-f]{64}$")],
    download: Annotated[bool, Query(description="Save it instead of showing it.")] = False,
) -> Response:
    """The links of a video's `files` lead here; they hold for a day and for one file."""
    target = await _target(here, video_id, name)
    if target is None or not here.links.holds(target, expires, signature):
        raise Problem(403, "link_invalid", "the link has ended or was changed: GET the video again")
    try:
        path = await anyio.to_thread.run_sync(here.store.path, target.key)
    except MissingFile as error:
        raise not_found("file", name) from error
    return _file(request, path, target, download=download)


async def _target(here: Here, video_id: str, name: str) -> Target | None:
    """The signature binds the owner: it is read from the video, never from the link."""
    owner = None
    if is_id(video_id, "vid"):
        async with here.database.reading() as session:
            owner = await session.scalar(select(Video.owner).where(Video.id == video_id))
    return None if owner is None else Target(owner, video_id, name)


def _file(request: Request, path: FilePath, target: Target, *, download: bool) -> Response:
    found = path.stat()
    headers = {
        "ETag": f'"{found.st_size:x}-{found.st_mtime_ns:x}"',
        "Cache-Control": "private, max-age=3600",
        "Content-Disposition": disposition(target, download=download),
        "Cross-Origin-Resource-Policy": "cross-origin",  # pages of the caller show it
        "Accept-Ranges": "bytes",
    }
    if headers["ETag"] in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    kind = MEDIA.get(path.suffix) or mimetypes.guess_type(path.name)[0]
    return RangedFile(path, media_type=kind, headers=headers, stat_result=found)
