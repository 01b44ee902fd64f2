"""Which deliveries are sent next, by whom, and what came of them.

A deliverer claims what is due for as long as CLAIM. Only the one whose claim it still is may write
down the outcome: so no two send at once, and what a killed one had begun goes out again.
"""

import random
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Subquery, and_, delete, func, or_, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from api.clock import now
from api.database import Database
from api.ids import new_id
from api.tables import WebhookOutbox
from api.webhooks.schedule import GIVE_UP_ENDPOINT, next_attempt, retry_after
from api.webhooks.sender import Outcome
from api.webhooks.tables import Delivery, Endpoint

CLAIM = timedelta(seconds=30)  # three times what an attempt may take
PER_HOST, PER_OWNER = 4, 32  # at once, over all gateways
KEPT = timedelta(days=30)
MOST_LOGGED = 20  # attempts
LOCK = 8006  # of Postgres, beside that of the migrations
GONE = 410
WHOLE = (
    select(Delivery, WebhookOutbox, Endpoint)
    .join(WebhookOutbox, WebhookOutbox.id == Delivery.event_id)
    .outerjoin(Endpoint, Endpoint.id == Delivery.endpoint_id)
    .order_by(Delivery.due_at, Delivery.id)
)
PLACED = (Delivery.id, Delivery.host, Delivery.owner, Delivery.due_at)


@dataclass(frozen=True)
class Claimed:
    delivery: Delivery
    event: WebhookOutbox
    endpoint: Endpoint | None  # None: a callback
    until: datetime


async def claim(database: Database, most: int) -> list[Claimed]:
    """At most so many that are due, none of which another deliverer holds."""
    if not await _anything_is_due(database):
        return []
    async with database.writing() as session:
        if not database.sqlite:  # else two would count the same places as free
            await session.execute(text(f"SELECT pg_advisory_xact_lock({LOCK})"))
        at, mark = now(), new_id("clm")
        taken = await session.scalars(
            update(Delivery)
            .where(Delivery.id.in_(select(_next(at, most).c.id)))
            .values(claim=mark, claimed_until=at + CLAIM)
            .returning(Delivery.id)
            .execution_options(synchronize_session=False)
        )
        found = await session.execute(WHOLE.where(Delivery.id.in_(taken.all())))
        return [Claimed(*row._tuple(), until=at + CLAIM) for row in found]


async def _anything_is_due(database: Database) -> bool:
    """Asked without waiting for whoever writes."""
    due = select(Delivery.id).where(_is_due(now()))
    async with database.reading() as session:
        return bool(await session.scalar(select(due.exists())))


def _is_due(at: datetime) -> ColumnElement[bool]:
    free = or_(Delivery.claimed_until.is_(None), Delivery.claimed_until <= at)
    return and_(Delivery.status == "pending", Delivery.due_at <= at, free)


def _next(at: datetime, most: int) -> Subquery:
    """The longest due, within what a host and then what an owner may have at once."""
    due = select(*PLACED).where(_is_due(at)).subquery()
    by_host = _places(due, "host", at, PER_HOST)
    by_owner = _places(by_host, "owner", at, PER_OWNER)
    return select(by_owner.c.id).order_by(by_owner.c.due_at, by_owner.c.id).limit(most).subquery()


def _places(due: Subquery, name: str, at: datetime, most: int) -> Subquery:
    column = getattr(Delivery, name)
    under_way = (
        select(column, func.count().label("count"))
        .where(Delivery.status == "pending", Delivery.claimed_until > at)
        .group_by(column)
        .subquery()
    )
    place = func.row_number().over(partition_by=due.c[name], order_by=(due.c.due_at, due.c.id))
    ranked = select(due, place.label("place")).subquery()
    return (
        select(*(ranked.c[column.key] for column in PLACED))
        .outerjoin(under_way, under_way.c[name] == ranked.c[name])
        .where(ranked.c.place + func.coalesce(under_way.c.count, 0) <= most)
        .subquery()
    )


async def settle(database: Database, claimed: Claimed, outcome: Outcome) -> bool:
    """Write down what came of an attempt; False where the claim was lost."""
    row, at = claimed.delivery, now()
    async with database.writing() as session:
        done = await session.execute(
            update(Delivery)
            .where(Delivery.id == row.id, Delivery.claim == row.claim, Delivery.status == "pending")
            .values(
                **_after(row, outcome, at),
                attempts=row.attempts + 1,
                log=[*row.log, outcome.logged()][-MOST_LOGGED:],
                claim=None,
                claimed_until=None,
            )
        )
        if getattr(done, "rowcount", 0) != 1:
            return False
        if row.endpoint_id is not None:
            await _remember(session, row.endpoint_id, outcome, at)
    return True


def _after(row: Delivery, outcome: Outcome, at: datetime) -> dict[str, Any]:
    if outcome.delivered:
        return {"status": "delivered", "due_at": None, "delivered_at": at}
    asked = retry_after(outcome.retry_after, at)
    due = next_attempt(at, row.attempts + 1, asked, random.random())
    if due is None or outcome.status == GONE:
        return {"status": "dead", "due_at": None}
    return {"due_at": due}


async def _remember(
    session: AsyncSession, endpoint_id: str, outcome: Outcome, at: datetime
) -> None:
    """How the endpoint does; one that is gone, or has failed for days, is told nothing more."""
    endpoint = await session.get(Endpoint, endpoint_id, with_for_update=True)
    if endpoint is None or not endpoint.enabled:
        return
    if outcome.delivered:
        endpoint.failing_since = None
        return
    endpoint.failing_since = endpoint.failing_since or outcome.at
    if outcome.status == GONE:
        await disable(session, endpoint, "it answered 410 Gone: enable it when it is back")
    elif at - endpoint.failing_since >= GIVE_UP_ENDPOINT:
        days = GIVE_UP_ENDPOINT.days
        await disable(session, endpoint, f"it has failed for {days} days: mend it, then enable it")


async def disable(session: AsyncSession, endpoint: Endpoint, reason: str) -> None:
    """What waits for it is given up; each delivery can be replayed once it is enabled again."""
    endpoint.enabled, endpoint.disabled_reason = False, reason
    await session.execute(
        update(Delivery)
        .where(Delivery.endpoint_id == endpoint.id, Delivery.status == "pending")
        .values(status="dead", due_at=None, claim=None, claimed_until=None)
    )


async def forget_old(session: AsyncSession) -> None:
    """Events and their deliveries after a month."""
    old = (WebhookOutbox.created_at < now() - KEPT, WebhookOutbox.taken_at.is_not(None))
    await session.execute(delete(WebhookOutbox).where(*old))
