"""The secret that messages to callback_urls are signed with: one for all of an owner's videos."""

from fastapi import APIRouter

from api.auth import WebhookAdmin
from api.clock import now
from api.gateway import Gateway, Here
from api.responses import problems
from api.strict import StrictRoute
from api.webhooks.contracts import CallbackSecretResource
from api.webhooks.secrets import callback_secret
from api.webhooks.tables import CallbackSecret

router = APIRouter(prefix="/v1/callback-secret", tags=["webhooks"], route_class=StrictRoute)


@router.get("", response_model=CallbackSecretResource, responses=problems())
async def get_callback_secret(caller: WebhookAdmin, here: Here) -> CallbackSecretResource:
    """It can be read at any time: a video's creation, which names the callback, tells none."""
    return _resource(here, await callback_secret(here.database, here.keyring, caller.owner))


@router.post("/rotate", response_model=CallbackSecretResource, responses=problems())
async def rotate_callback_secret(caller: WebhookAdmin, here: Here) -> CallbackSecretResource:
    """A new secret. For 24 hours messages carry the signatures of both."""
    await callback_secret(here.database, here.keyring, caller.owner)
    async with here.database.writing() as session:
        row = await session.get_one(CallbackSecret, caller.owner, with_for_update=True)
        here.keyring.rotate(row, now())
    return _resource(here, row)


def _resource(here: Gateway, row: CallbackSecret) -> CallbackSecretResource:
    overlaps = row.previous_until is not None and now() < row.previous_until
    return CallbackSecretResource(
        secret=here.keyring.opened(row.secret),
        previous_secret_until=row.previous_until if overlaps else None,
    )
