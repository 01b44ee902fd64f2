"""Webhooks: where to be told, with which secret, and whether it arrives."""

from fastapi import APIRouter, Response
from sqlalchemy import delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from api.addresses import check_address
from api.auth import WebhookAdmin
from api.clock import now
from api.gateway import Here
from api.idempotency import IdempotencyKey, Once, Reply
from api.ids import new_id
from api.json_bodies import JsonRoute
from api.owned import owned
from api.pages import Cursor, Limit, page
from api.problems import Problem
from api.responses import BODY, headers, links, problems
from api.tables import WebhookOutbox
from api.webhooks import fanout, queue
from api.webhooks.contracts import (
    DeliveryResource,
    NewWebhook,
    WebhookChange,
    WebhookPage,
    WebhookResource,
)
from api.webhooks.resources import delivery_resource, webhook_resource
from api.webhooks.signing import new_secret
from api.webhooks.tables import Delivery, Endpoint

router = APIRouter(prefix="/v1/webhooks", tags=["webhooks"], route_class=JsonRoute)

MOST = 20  # of one owner
CREATED = headers("Location", "Idempotency-Replayed")
LINKS = links("webhook_id", "get_webhook", "change_webhook", "test_webhook", "delete_webhook")


@router.post(
    "",
    status_code=201,
    response_model=WebhookResource,
    responses={
        201: {
            "description": "Made. The secret is told here and never again: a replay by "
            "Idempotency-Key has null in its place.",
            "headers": CREATED,
            "links": LINKS,
        },
        **problems(409, *BODY),
    },
)
async def create_webhook(
    request: NewWebhook, caller: WebhookAdmin, here: Here, idempotency_key: IdempotencyKey = None
) -> Response:
    """Be told at this address of what happens to your videos."""
    once = Once(here.database, caller.owner, "webhooks", idempotency_key, request.model_dump_json())

    async def work(session: AsyncSession) -> Reply:
        check_address(here.policy, request.url, "url")
        await _check_room(session, caller.owner)
        secret = new_secret()
        row = Endpoint(
            id=new_id("whk"),
            owner=caller.owner,
            url=request.url,
            description=request.description,
            events=list(request.events),
            enabled=request.enabled,
            secret=here.keyring.sealed(secret),
            created_at=now(),
        )
        session.add(row)
        body = webhook_resource(row, secret).model_dump(mode="json")
        place = {"Location": f"/v1/webhooks/{row.id}"}
        return Reply(201, body, place, shown_once=frozenset({"secret"}))

    return await once.answer(work)


@router.get("", response_model=WebhookPage, responses=problems())
async def list_webhooks(
    caller: WebhookAdmin, here: Here, limit: Limit = 20, cursor: Cursor = None
) -> WebhookPage:
    """Your webhooks, the newest first."""
    query = select(Endpoint).where(Endpoint.owner == caller.owner)
    async with here.database.reading() as session:
        rows, following = await page(session, query, Endpoint.id, cursor, limit, lambda row: row.id)
    return WebhookPage(data=tuple(map(webhook_resource, rows)), next_cursor=following)


@router.get("/{webhook_id}", response_model=WebhookResource, responses=problems(404))
async def get_webhook(webhook_id: str, caller: WebhookAdmin, here: Here) -> WebhookResource:
    """Whether it is enabled, and why not."""
    async with here.database.reading() as session:
        return webhook_resource(await owned(session, Endpoint, caller.owner, webhook_id))


@router.patch("/{webhook_id}", response_model=WebhookResource, responses=problems(404, *BODY))
async def change_webhook(
    webhook_id: str, request: WebhookChange, caller: WebhookAdmin, here: Here
) -> WebhookResource:
    """Change its address, its events, or whether it is called at all."""
    async with here.database.writing() as session:
        row = await owned(session, Endpoint, caller.owner, webhook_id, change=True)
        if request.url is not None:
            check_address(here.policy, request.url, "url")
            await _move(session, row, request.url)
        if request.events is not None:
            row.events = list(request.events)
        if request.description is not None:
            row.description = request.description
        if request.enabled is True:
            row.enabled, row.disabled_reason, row.failing_since = True, None, None
        elif request.enabled is False and row.enabled:
            await queue.disable(session, row, "you disabled it")
    return webhook_resource(row)


@router.delete(
    "/{webhook_id}",
    status_code=204,
    responses={204: {"description": "It and its deliveries are gone."}, **problems(404)},
)
async def delete_webhook(webhook_id: str, caller: WebhookAdmin, here: Here) -> Response:
    """Be told no more."""
    async with here.database.writing() as session:
        row = await owned(session, Endpoint, caller.owner, webhook_id, change=True)
        await session.execute(delete(Endpoint).where(Endpoint.id == row.id))
    return Response(status_code=204)


@router.post("/{webhook_id}/rotate", response_model=WebhookResource, responses=problems(404))
async def rotate_webhook_secret(
    webhook_id: str, caller: WebhookAdmin, here: Here
) -> WebhookResource:
    """A new secret. For 24 hours messages carry the signatures of both."""
    async with here.database.writing() as session:
        row = await owned(session, Endpoint, caller.owner, webhook_id, change=True)
        secret = here.keyring.rotate(row, now())
    return webhook_resource(row, secret)


@router.post(
    "/{webhook_id}/test",
    status_code=202,
    response_model=DeliveryResource,
    responses={
        202: {
            "description": "On its way: GET the delivery.",
            "links": links("delivery_id", "get_delivery", "replay_delivery"),
        },
        **problems(404, 409),
    },
)
async def test_webhook(webhook_id: str, caller: WebhookAdmin, here: Here) -> DeliveryResource:
    """Send it a `webhook.test`, whichever events it wants."""
    async with here.database.writing() as session:
        row = await owned(session, Endpoint, caller.owner, webhook_id, change=True)
        check_enabled(row)
        at = now()
        event = WebhookOutbox(
            id=new_id("evt"),
            owner=caller.owner,
            type="webhook.test",
            payload={"webhook": row.id},
            created_at=at,
            taken_at=at,
        )
        session.add(event)
        await session.flush()
        made = fanout.delivery(event, row)
        session.add(made)
    here.deliverer.wake()
    return delivery_resource(made)


def check_enabled(row: Endpoint) -> None:
    if not row.enabled:
        raise Problem(
            409, "webhook_disabled", f"the webhook is disabled ({row.disabled_reason}): enable it"
        )


async def _move(session: AsyncSession, row: Endpoint, url: str) -> None:
    """What waits goes to the new address."""
    row.url = url
    await session.execute(
        update(Delivery)
        .where(Delivery.endpoint_id == row.id, Delivery.status == "pending")
        .values(url=url, host=fanout.host_of(url))
    )


async def _check_room(session: AsyncSession, owner: str) -> None:
    count = select(func.count()).select_from(Endpoint).where(Endpoint.owner == owner)
    if (await session.scalar(count) or 0) >= MOST:
        raise Problem(409, "webhooks_full", f"there are {MOST} webhooks: delete one of them")
