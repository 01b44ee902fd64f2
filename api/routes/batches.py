"""Many videos by one request: all are accepted, or none."""

from collections.abc import Sequence

import anyio
from fastapi import APIRouter, Response
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from api import dispatch
from api.accepting import uploads_of
from api.auth import Reader, Starter, Writer
from api.batch_report import as_csv
from api.batch_tables import check_each, requests_of
from api.clock import now
from api.consenting import check_consents
from api.contracts import BatchPage, BatchResource, NewBatch
from api.gateway import Here
from api.idempotency import IdempotencyKey, Once, Reply
from api.ids import new_id
from api.json_bodies import JsonRoute
from api.orders import upload_ids
from api.owned import owned
from api.pages import Cursor, Limit, page
from api.resources import batch_resource
from api.responses import BODY, TEXT, links, problems
from api.routes.videos import CREATED, check_stored
from api.tables import Batch, Video

router = APIRouter(prefix="/v1/batches", tags=["batches"], route_class=JsonRoute)

LINKS = links("batch_id", "get_batch", "report_batch", "cancel_batch")


@router.post(
    "",
    status_code=202,
    response_model=BatchResource,
    responses={
        202: {"description": "Accepted, every one.", "headers": CREATED, "links": LINKS},
        **problems(402, 409, *BODY),
    },
)
async def create_batch(
    request: NewBatch, caller: Starter, here: Here, idempotency_key: IdempotencyKey = None
) -> Response:
    """Accept up to 100 videos, or a table of 500 rows; they wait behind everything urgent."""
    filled = await anyio.to_thread.run_sync(requests_of, request)
    videos = [video for _, video in filled]
    once = Once(here.database, caller.owner, "batches", idempotency_key, request.model_dump_json())

    async def work(session: AsyncSession) -> Reply:
        row = Batch(
            id=new_id("bat"),
            owner=caller.owner,
            name=request.name,
            videos=len(videos),
            created_at=now(),
        )
        session.add(row)
        named = {name for video in videos for name in upload_ids(video)}
        uploads = await uploads_of(session, caller.owner, named)
        check_each(filled, request.template, lambda video: here.desk.check(video, uploads))
        made = await here.desk.accept(session, caller, videos, row.id)
        await check_consents(here, session, made)
        await check_stored(here, session, *videos)
        body = batch_resource(row, {"queued": row.videos}).model_dump(mode="json")
        return Reply(202, body, {"Location": f"/v1/batches/{row.id}"})

    answer = await once.answer(work)
    here.leader.wake()
    return answer


@router.get("", response_model=BatchPage, responses=problems())
async def list_batches(
    caller: Reader, here: Here, limit: Limit = 20, cursor: Cursor = None
) -> BatchPage:
    """Your batches, the newest first."""
    query = select(Batch).where(Batch.owner == caller.owner)
    async with here.database.reading() as session:
        rows, following = await page(session, query, Batch.id, cursor, limit, lambda row: row.id)
        counts = await _counts(session, [row.id for row in rows])
    data = tuple(batch_resource(row, counts.get(row.id, {})) for row in rows)
    return BatchPage(data=data, next_cursor=following)


@router.get("/{batch_id}", response_model=BatchResource, responses=problems(404))
async def get_batch(batch_id: str, caller: Reader, here: Here) -> BatchResource:
    """How many are where; the videos themselves: GET /v1/videos?batch=…"""
    async with here.database.reading() as session:
        row = await owned(session, Batch, caller.owner, batch_id)
        counts = await _counts(session, [row.id])
    return batch_resource(row, counts.get(row.id, {}))


@router.get(
    "/{batch_id}/report",
    response_class=Response,
    responses={
        200: {"description": "A row a video.", "content": {"text/csv": {"schema": TEXT}}},
        **problems(404),
    },
)
async def report_batch(batch_id: str, caller: Reader, here: Here) -> Response:
    """What became of each, as a CSV, with your metadata in columns of their own."""
    async with here.database.reading() as session:
        row = await owned(session, Batch, caller.owner, batch_id)
        query = select(Video).where(Video.batch_id == row.id).order_by(Video.id)
        videos = (await session.scalars(query)).all()
    content = as_csv(videos, here.settings.currency)
    headers = {"Content-Disposition": f'attachment; filename="{row.id}.csv"'}
    return Response(content, media_type="text/csv; charset=utf-8", headers=headers)


@router.post(
    "/{batch_id}/cancel", status_code=202, response_model=BatchResource, responses=problems(404)
)
async def cancel_batch(batch_id: str, caller: Writer, here: Here) -> BatchResource:
    """Cancel what is not finished of it."""
    async with here.database.writing() as session:
        row = await owned(session, Batch, caller.owner, batch_id)
        query = select(Video).where(Video.batch_id == row.id, Video.open.is_(True))
        for video in (await session.scalars(query.order_by(Video.id).with_for_update())).all():
            if not video.cancel_asked:
                await dispatch.cancel(session, video)
        await session.flush()
        counts = await _counts(session, [row.id])
    here.leader.wake()
    return batch_resource(row, counts.get(row.id, {}))


async def _counts(session: AsyncSession, ids: Sequence[str]) -> dict[str, dict[str, int]]:
    query = (
        select(Video.batch_id, Video.status, func.count())
        .where(Video.batch_id.in_(ids))
        .group_by(Video.batch_id, Video.status)
    )
    found: dict[str, dict[str, int]] = {}
    for batch_id, status, count in await session.execute(query):
        found.setdefault(batch_id or "", {})[status] = count
    return found
