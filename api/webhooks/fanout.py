"""From the outbox to deliveries: one for each endpoint that wants the event, and the callback."""

from collections.abc import Sequence
from typing import Any

import httpx
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from api.clock import now
from api.database import Database
from api.ids import new_id
from api.resources import batch_resource
from api.tables import Batch, Video, WebhookOutbox
from api.webhooks import payloads
from api.webhooks.tables import Delivery, Endpoint

AT_ONCE = 100  # events in one transaction
ENDS = ("video.done", "video.failed", "video.cancelled")
BATCH_FINISHED = "batch.finished"


async def fan_out(database: Database) -> int:
    """Make deliveries of what waits in the outbox; how many events. Safe side by side."""
    waiting = select(WebhookOutbox).where(WebhookOutbox.taken_at.is_(None))
    async with database.reading() as session:
        if await session.scalar(select(waiting.exists())) is not True:
            return 0
    async with database.writing() as session:
        oldest = waiting.order_by(WebhookOutbox.id).limit(AT_ONCE)
        events = (await session.scalars(oldest.with_for_update(skip_locked=True))).all()
        owners = {event.owner for event in events}
        wanting = select(Endpoint).where(Endpoint.owner.in_(owners), Endpoint.enabled.is_(True))
        endpoints = (await session.scalars(wanting)).all()
        for event in events:
            await _fan_out(session, event, endpoints)
        return len(events)


async def _fan_out(
    session: AsyncSession, event: WebhookOutbox, endpoints: Sequence[Endpoint]
) -> None:
    event.taken_at = now()
    await _tell_of_batch(session, event)
    made = [delivery(event, one) for one in endpoints if wants(one, event)]
    callback = payloads.callback_url(event.payload)
    if callback is not None:
        made.append(_callback(event, callback))
    if not made:
        await session.delete(event)  # nobody listens
    session.add_all(made)


def wants(endpoint: Endpoint, event: WebhookOutbox) -> bool:
    mine = endpoint.owner == event.owner
    return mine and (not endpoint.events or event.type in endpoint.events)


def delivery(event: WebhookOutbox, endpoint: Endpoint) -> Delivery:
    return _delivery(event, endpoint.url, target=endpoint.id, endpoint_id=endpoint.id)


def _callback(event: WebhookOutbox, url: str) -> Delivery:
    return _delivery(event, url, target=payloads.video_id(event.payload) or "")


def _delivery(event: WebhookOutbox, url: str, **to: str) -> Delivery:
    at = now()
    return Delivery(
        id=new_id("dlv"),
        owner=event.owner,
        event_id=event.id,
        type=event.type,
        video_id=payloads.video_id(event.payload),
        url=url,
        host=host_of(url),
        status="pending",
        attempts=0,
        log=[],
        due_at=at,
        created_at=at,
        **to,
    )


def host_of(url: str) -> str:
    """What deliveries are counted by: the name without its port."""
    return httpx.URL(url).host[:256]


async def _tell_of_batch(session: AsyncSession, event: WebhookOutbox) -> None:
    """With the last of a batch's videos. The event's id is the batch's: it is told once.

    A video's end is committed before its event is seen here, so the last one sees no other open.
    """
    name = payloads.batch_id(event.payload)
    if name is None or event.type not in ENDS:
        return
    batch = await session.get(Batch, name, with_for_update=True)
    told = f"evt_{name.removeprefix('bat_')}"
    if batch is None or await session.get(WebhookOutbox, told) is not None:
        return
    by_status = select(Video.status, func.count()).where(Video.batch_id == name)
    rows = await session.execute(by_status.group_by(Video.status))
    resource = batch_resource(batch, {status: count for status, count in rows})
    if resource.status == "finished":
        payload: dict[str, Any] = resource.model_dump(mode="json")
        row = WebhookOutbox(id=told, owner=event.owner, type=BATCH_FINISHED, payload=payload)
        row.created_at = now()
        session.add(row)
        await session.flush()  # the next event of this batch must see it
