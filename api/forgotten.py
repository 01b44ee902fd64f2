"""What a deletion does at once, in its own transaction, and the order that it leaves.

api.forgetting carries the orders out.
"""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from api.clock import now
from api.tables import Answered, Examination, Forgotten, Upload, Video, WebhookOutbox
from api.webhooks.tables import Delivery

SETTLED = timedelta(seconds=10)  # in which a run that has ended may still write its journal


async def forget_video(session: AsyncSession, video: Video) -> None:
    """The row, whatever tells of it, and the order to forget the rest. What it cost stays."""
    at = max(now(), (video.finished_at or now()) + SETTLED)
    _ask(session, video.id, video.owner, at, run_id=video.run_id, order=video.order)
    await _forget_messages(session, video.id)
    told = Answered.body["id"].as_string() == video.id
    await session.execute(delete(Answered).where(Answered.owner == video.owner, told))
    await session.execute(delete(Video).where(Video.id == video.id))


async def forget_upload(session: AsyncSession, upload: Upload) -> None:
    """The row, what preflights saw in it, and the order to forget what was made of it."""
    order = {"portrait": {"image": f"store:{upload.key}"}}
    if upload.kind != "image":
        order = {"speech": {"audio": f"store:{upload.key}"}}
    _ask(session, upload.id, upload.owner, now(), key=upload.key, order=order)
    await session.execute(delete(Upload).where(Upload.id == upload.id))


def _ask(session: AsyncSession, name: str, owner: str, at: datetime, **more: Any) -> None:  # noqa: ANN401
    session.add(Forgotten(name=name, owner=owner, due_at=at, **more))


async def _forget_messages(session: AsyncSession, video: str) -> None:
    """Also those on their way: they hold the request."""
    sent = select(Delivery.event_id).where(Delivery.video_id == video)
    told = WebhookOutbox.payload[("video", "id")].as_string() == video
    waiting = select(WebhookOutbox.id).where(WebhookOutbox.taken_at.is_(None), told)
    names = {*await session.scalars(sent), *await session.scalars(waiting)}
    await session.execute(delete(WebhookOutbox).where(WebhookOutbox.id.in_(names)))


async def forget_preflights(session: AsyncSession, owner: str, source: str) -> list[str]:
    """Digests of the reports that nobody else has asked for."""
    rows = (await session.scalars(select(Examination).where(Examination.owner == owner))).all()
    mine = [row for row in rows if source in _sources(row.order)]
    for row in mine:
        await session.delete(row)
    await session.flush()
    digests = {row.digest for row in mine}
    others = select(Examination.digest).where(Examination.digest.in_(digests))
    return sorted(digests - set(await session.scalars(others)))


def shares(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether two orders may count on the same work files."""
    return bool(_sources(one) & _sources(other)) or (
        one.get("speech") is not None and one.get("speech") == other.get("speech")
    )


def _sources(order: dict[str, Any]) -> set[str]:
    """Files that are named in an order of a video or a preflight."""
    named = (
        (order.get("portrait") or {}).get("image"),
        (order.get("speech") or {}).get("audio"),
        order.get("recording"),
    )
    return {name for name in named if name}
