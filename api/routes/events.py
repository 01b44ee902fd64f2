"""A video's events as they happen (server-sent events), resumable by Last-Event-ID."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from typing import Annotated

from fastapi import APIRouter, Header, Request, Response
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sse_starlette import EventSourceResponse, ServerSentEvent

from api.auth import Reader
from api.database import Database
from api.events import PROGRESS, WEBHOOK_TYPES
from api.gateway import Here
from api.owned import owned
from api.problems import Problem
from api.responses import problems
from api.strict import StrictRoute
from api.tables import Event, Video

router = APIRouter(prefix="/v1/videos", tags=["videos"], route_class=StrictRoute)

EVERY_S = 0.5
HEARTBEAT_S = 15
MOST_STREAMS = 20  # of one owner in one process
ENDS = ("video.done", "video.failed", "video.cancelled")
PAGE = 200
OF_EACH = {
    "type": "object",
    "description": "One event. Its `data` tells how the video stood then.",
    "required": ["id", "event", "data"],
    "properties": {
        "id": {"type": "string", "description": "For Last-Event-ID."},
        "event": {"type": "string", "enum": ["video.queued", PROGRESS, *WEBHOOK_TYPES]},
        "data": {"type": "string", "contentMediaType": "application/json"},
    },
    "example": {
        "id": "17",
        "event": "video.running",
        "data": '{"id": "vid_…", "status": "running", "percent": 40.0}',
    },
}


@router.get(
    "/{video_id}/events",
    response_class=Response,
    responses={
        204: {"description": "It has ended and you know all of it: do not connect again."},
        200: {
            "description": "`video.queued`, `.running`, `.progress`, then one of `.done`, `.failed`"
            " and `.cancelled`, after which the stream ends.",
            "content": {"text/event-stream": {"schema": OF_EACH}},
        },
        **problems(404),
    },
)
async def follow_video(
    request: Request,
    video_id: str,
    caller: Reader,
    here: Here,
    last_event_id: Annotated[
        str | None, Header(alias="Last-Event-ID", pattern=r"^\d{1,18}$")
    ] = None,
) -> Response:
    """Everything that has happened, then everything that happens. A lost line may be resumed."""
    after = int(last_event_id or 0)
    async with here.database.reading() as session:
        video = await owned(session, Video, caller.owner, video_id)
        if not video.open and not await _since(session, video_id, after):
            return Response(status_code=204)
    streams: dict[str, int] = request.app.state.streams
    if streams.get(caller.owner, 0) >= MOST_STREAMS:
        raise Problem(
            429,
            "too_many_streams",
            f"you follow {MOST_STREAMS} videos already: close some, or use webhooks",
            headers={"Retry-After": "10"},
        )
    events = _counted(streams, caller.owner, _events(here.database, video_id, after))
    return EventSourceResponse(events, ping=HEARTBEAT_S, headers={"X-Accel-Buffering": "no"})


async def _counted(
    streams: dict[str, int], owner: str, events: AsyncIterator[ServerSentEvent]
) -> AsyncIterator[ServerSentEvent]:
    streams[owner] = streams.get(owner, 0) + 1
    try:
        async for event in events:
            yield event
    finally:
        streams[owner] -= 1
        if not streams[owner]:
            del streams[owner]


async def _events(database: Database, video_id: str, after: int) -> AsyncIterator[ServerSentEvent]:
    while True:
        async with database.reading() as session:
            rows = await _since(session, video_id, after)
            known = select(Video.id).where(Video.id == video_id)
            if not rows and await session.scalar(known) is None:
                return  # deleted
        for row in rows:
            after = row.id
            data = json.dumps(row.data, ensure_ascii=False)
            yield ServerSentEvent(data=data, event=row.type, id=str(row.id))
            if row.type in ENDS:
                return
        if not rows:
            await asyncio.sleep(EVERY_S)


async def _since(session: AsyncSession, video_id: str, after: int) -> Sequence[Event]:
    query = select(Event).where(Event.video_id == video_id, Event.id > after)
    return (await session.scalars(query.order_by(Event.id).limit(PAGE))).all()
