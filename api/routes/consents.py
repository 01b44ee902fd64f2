"""Consents: who agreed to be shown, how and for what, and that they changed their mind."""

import anyio
from fastapi import APIRouter, Response

from api.auth import Reader, Writer
from api.clock import now
from api.consent_contracts import ConsentPage, ConsentResource, NewConsent, NewWithdrawal
from api.consenting import resource, videos_of
from api.gateway import Gateway, Here
from api.ids import is_id, new_id
from api.json_bodies import JsonRoute
from api.owned import owned_upload
from api.pages import Cursor, Limit
from api.problems import not_found
from api.responses import BODY, headers, links, problems
from models.consent import Consent, Consents, Held, Withdrawal
from models.errors import InvalidRequest

router = APIRouter(prefix="/v1/consents", tags=["consents"], route_class=JsonRoute)

LINKS = links("consent_id", "get_consent", "withdraw_consent")


@router.post(
    "",
    status_code=201,
    response_model=ConsentResource,
    responses={
        201: {"description": "Recorded.", "headers": headers("Location"), "links": LINKS},
        **problems(*BODY),
    },
)
async def create_consent(
    request: NewConsent, response: Response, caller: Writer, here: Here
) -> ConsentResource:
    """Record that somebody agreed to be shown speaking. What is recorded is never changed."""
    async with here.database.reading() as session:
        sha256 = await owned_upload(session, caller.owner, request.portrait, "image", "portrait")
    record = Consent(
        id=new_id("con"),
        owner=caller.owner,
        portrait=sha256,
        recorded_at=now(),
        recorded_by=caller.key_id,
        **request.model_dump(exclude={"portrait"}),
    )
    await anyio.to_thread.run_sync(Consents(here.store).add, record)
    response.headers["Location"] = f"/v1/consents/{record.id}"
    return resource(Held(record))


@router.get("", response_model=ConsentPage, responses=problems())
async def list_consents(
    caller: Reader, here: Here, limit: Limit = 20, cursor: Cursor = None
) -> ConsentPage:
    """Your consents, the newest first."""
    found = await anyio.to_thread.run_sync(Consents(here.store).of_owner, caller.owner)
    rest = [held for held in found if cursor is None or held.consent.id < cursor]
    page = rest[:limit]
    following = page[-1].consent.id if len(rest) > limit else None
    return ConsentPage(data=tuple(map(resource, page)), next_cursor=following)


@router.get("/{consent_id}", response_model=ConsentResource, responses=problems(404))
async def get_consent(consent_id: str, caller: Reader, here: Here) -> ConsentResource:
    """The record, whether it holds, and the videos that there are of its portrait."""
    return await _told(here, caller.owner, await _found(here, caller.owner, consent_id))


@router.post(
    "/{consent_id}/withdraw", response_model=ConsentResource, responses=problems(404, *BODY)
)
async def withdraw_consent(
    consent_id: str, request: NewWithdrawal, caller: Writer, here: Here
) -> ConsentResource:
    """From now on nothing is made of the portrait under it; `videos` are those that there are."""
    held = await _found(here, caller.owner, consent_id)
    gone = Withdrawal(consent=consent_id, at=now(), reason=request.reason)
    kept = await anyio.to_thread.run_sync(Consents(here.store).withdraw, held.consent, gone)
    return await _told(here, caller.owner, Held(held.consent, kept))


async def _found(here: Gateway, owner: str, name: str) -> Held:
    """Raises Problem 404."""
    if not is_id(name, "con"):
        raise not_found("consent", name)
    try:
        return await anyio.to_thread.run_sync(Consents(here.store).find, owner, name)
    except InvalidRequest as error:
        raise not_found("consent", name) from error


async def _told(here: Gateway, owner: str, held: Held) -> ConsentResource:
    async with here.database.reading() as session:
        return resource(held, await videos_of(session, owner, held.consent.portrait))
