"""Deliveries: what became of each message to a webhook or a callback_url."""

from typing import Annotated

from fastapi import APIRouter, Query
from sqlalchemy import select

from api.auth import WebhookAdmin
from api.clock import now
from api.gateway import Here
from api.ids import is_id
from api.owned import owned
from api.pages import Cursor, Limit, page
from api.responses import problems
from api.routes.webhooks import check_enabled
from api.strict import StrictRoute
from api.webhooks.contracts import DeliveryPage, DeliveryResource, DeliveryStatus
from api.webhooks.resources import delivery_resource
from api.webhooks.tables import Delivery, Endpoint

router = APIRouter(prefix="/v1/deliveries", tags=["webhooks"], route_class=StrictRoute)

Id = Annotated[str | None, Query(max_length=48)]


@router.get("", response_model=DeliveryPage, responses=problems())
async def list_deliveries(
    caller: WebhookAdmin,
    here: Here,
    limit: Limit = 20,
    cursor: Cursor = None,
    webhook: Id = None,
    video: Id = None,
    status: Annotated[DeliveryStatus | None, Query(description="Only these.")] = None,
) -> DeliveryPage:
    """The newest first; kept for 30 days."""
    query = select(Delivery).where(Delivery.owner == caller.owner)
    if webhook is not None:
        query = query.where(Delivery.endpoint_id == (webhook if is_id(webhook, "whk") else ""))
    if video is not None:
        query = query.where(Delivery.video_id == (video if is_id(video, "vid") else ""))
    if status is not None:
        query = query.where(Delivery.status == status)
    async with here.database.reading() as session:
        rows, following = await page(session, query, Delivery.id, cursor, limit, lambda row: row.id)
    return DeliveryPage(data=tuple(map(delivery_resource, rows)), next_cursor=following)


@router.get("/{delivery_id}", response_model=DeliveryResource, responses=problems(404))
async def get_delivery(delivery_id: str, caller: WebhookAdmin, here: Here) -> DeliveryResource:
    """Its attempts, what was answered, and when it is tried again."""
    async with here.database.reading() as session:
        return delivery_resource(await owned(session, Delivery, caller.owner, delivery_id))


@router.post(
    "/{delivery_id}/replay",
    status_code=202,
    response_model=DeliveryResource,
    responses={202: {"description": "On its way."}, **problems(404, 409)},
)
async def replay_delivery(delivery_id: str, caller: WebhookAdmin, here: Here) -> DeliveryResource:
    """Send the same message again, now, with its webhook-id and all its attempts before it."""
    async with here.database.writing() as session:
        row = await owned(session, Delivery, caller.owner, delivery_id, change=True)
        if row.endpoint_id is not None:
            check_enabled(await session.get_one(Endpoint, row.endpoint_id))
        row.status, row.attempts, row.due_at = "pending", 0, now()
        row.delivered_at = None
    here.deliverer.wake()
    return delivery_resource(row)
