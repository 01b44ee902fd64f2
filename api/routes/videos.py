"""Videos: ask for one, see how far it is, take it, cancel it, delete it."""

from typing import Annotated

import anyio
from fastapi import APIRouter, Query, Response
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from api import dispatch
from api.auth import Reader, Starter, Writer
from api.consenting import check_consents
from api.contracts import NewVideo, Status, VideoPage, VideoResource
from api.forgotten import forget_video
from api.gateway import Here, Showing
from api.idempotency import IdempotencyKey, Once, Reply
from api.ids import is_id
from api.json_bodies import JsonRoute
from api.owned import owned
from api.pages import Cursor, Limit, page
from api.problems import Problem
from api.responses import BODY, headers, links, problems
from api.tables import Upload, Video
from models.journal import JOURNAL
from models.watermark import ledger

router = APIRouter(prefix="/v1/videos", tags=["videos"], route_class=JsonRoute)

CREATED = headers("Location", "Idempotency-Replayed")
LINKS = links("video_id", "get_video", "cancel_video", "delete_video", "follow_video")


@router.post(
    "",
    status_code=202,
    response_model=VideoResource,
    responses={
        202: {"description": "Accepted; it will be made.", "headers": CREATED, "links": LINKS},
        **problems(402, 409, *BODY),
    },
)
async def create_video(
    request: NewVideo,
    caller: Starter,
    here: Here,
    showing: Showing,
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Accept a video. It is kept before this answers, and made even if this server dies now."""
    once = Once(here.database, caller.owner, "videos", idempotency_key, request.model_dump_json())

    async def work(session: AsyncSession) -> Reply:
        (video,) = await here.desk.accept(session, caller, [request])
        await check_consents(here, session, [video])
        await check_stored(here, session, request)
        body = showing.video(video).model_dump(mode="json")
        return Reply(202, body, {"Location": f"/v1/videos/{video.id}"})

    answer = await once.answer(work)
    here.leader.wake()
    return answer


async def check_stored(here: Here, session: AsyncSession, *requests: NewVideo) -> None:
    """Raises Problem 422 where an upload's file has been expired from the store."""
    from api.orders import upload_ids

    names = {name for request in requests for name in upload_ids(request)}
    rows = await session.scalars(select(Upload).where(Upload.id.in_(names)))
    for row in rows:
        if not await anyio.to_thread.run_sync(here.store.exists, row.key):
            raise Problem(
                422, "upload_expired", f"the file of {row.id} is no longer kept: upload it again"
            )


@router.get("", response_model=VideoPage, responses=problems())
async def list_videos(
    caller: Reader,
    here: Here,
    showing: Showing,
    limit: Limit = 20,
    cursor: Cursor = None,
    status: Annotated[list[Status] | None, Query(description="Only these.")] = None,
    batch: Annotated[str | None, Query(max_length=48, description="Only of this batch.")] = None,
) -> VideoPage:
    """Your videos, the newest first."""
    query = select(Video).where(Video.owner == caller.owner)
    if status:
        query = query.where(Video.status.in_(status))
    if batch is not None:
        query = query.where(Video.batch_id == (batch if is_id(batch, "bat") else ""))
    async with here.database.reading() as session:
        rows, following = await page(session, query, Video.id, cursor, limit, lambda row: row.id)
    return VideoPage(data=tuple(map(showing.video, rows)), next_cursor=following)


@router.get("/{video_id}", response_model=VideoResource, responses=problems(404))
async def get_video(video_id: str, caller: Reader, here: Here, showing: Showing) -> Response:
    """How far it is; the result, with links that are made anew each time, when it is done."""
    async with here.database.reading() as session:
        shown = showing.video(await owned(session, Video, caller.owner, video_id))
    # as it is: the framework would check and copy it once more
    return Response(shown.model_dump_json(), media_type="application/json")


@router.post(
    "/{video_id}/cancel",
    status_code=202,
    response_model=VideoResource,
    responses={202: {"description": "It ends soon."}, **problems(404, 409)},
)
async def cancel_video(
    video_id: str, caller: Writer, here: Here, showing: Showing
) -> VideoResource:
    """Stop it. What waits is cancelled at once, what is being rendered within seconds."""
    async with here.database.writing() as session:
        row = await owned(session, Video, caller.owner, video_id, change=True)
        if row.status in ("done", "failed"):
            raise Problem(409, "video_finished", f"it is {row.status} already: nothing to cancel")
        if row.open and not row.cancel_asked:
            await dispatch.cancel(session, row)
    here.leader.wake()
    return showing.video(row)


@router.delete(
    "/{video_id}",
    status_code=204,
    responses={204: {"description": "Its files and its record are gone."}, **problems(404, 409)},
)
async def delete_video(video_id: str, caller: Writer, here: Here) -> Response:
    """Delete a finished video: its files at once, what else was kept of it within minutes.

    What it cost stays in your usage.
    """
    async with here.database.writing() as session:
        row = await owned(session, Video, caller.owner, video_id, change=True)
        if row.open:
            raise Problem(409, "video_not_finished", "it is still being made: cancel it first")
        await forget_video(session, row)
    here.leader.wake()
    await anyio.to_thread.run_sync(_delete_files, here, video_id)
    return Response(status_code=204)


def _delete_files(here: Here, video_id: str) -> None:
    ledger.forget(video_id, here.store)
    for entry in list(here.store.entries(f"videos/{video_id}/")):
        if not entry.key.endswith(f"/{JOURNAL}"):  # it says what else is to be forgotten
            here.store.delete(entry.key)
