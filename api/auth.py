"""Who calls, and whether they may: an API key, or a token of the operator's identity provider.

Routes ask for `Reader`, `Writer`, `Starter` (what begins work, and is counted strictly) or
`WebhookAdmin`; each is a Caller that passed.
"""

import logging
import re
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Annotated, Any
from urllib.parse import urlsplit

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from api import gateway, keys
from api.caller import Caller
from api.clock import now
from api.gateway import Gateway
from api.problems import Problem
from api.settings import Settings

log = logging.getLogger(__name__)

bearer = HTTPBearer(
    auto_error=False, description="An API key (`avatar keys create`) or a JSON Web Token."
)
LOCAL = "local"
LOCAL_HOSTS = frozenset({"127.0.0.1", "localhost", "::1"})
KEY = re.compile(rf"{keys.PREFIX}[A-Za-z0-9_-]{{43}}")


async def identified(
    request: Request,
    here: gateway.Here,
    given: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)],
) -> Caller:
    """The caller. Raises Problem 401."""
    if given is None:
        if here.settings.open_access and _is_this_machine(request):
            return _unbounded(here.settings)
        raise _unauthorised(
            "no key was sent: send one as a Bearer token in the Authorization header"
        )
    caller = await _of_credentials(given.credentials, here)
    if caller is None:
        raise _unauthorised("the key or token is not valid (any more): check it, or make another")
    return caller


async def _of_credentials(credentials: str, here: Gateway) -> Caller | None:
    if KEY.fullmatch(credentials):
        return await _of_key(credentials, here)
    claims = await here.tokens.claims(credentials)
    return None if claims is None else _of_claims(claims, here.settings)


async def _of_key(secret: str, here: Gateway) -> Caller | None:
    row = await here.keys.find(secret)
    if row is None or not keys.is_valid(row, now()):
        return None
    settings = here.settings
    return Caller(
        owner=row.owner,
        key_id=row.id,
        scopes=frozenset(row.scopes.split()),
        requests_per_minute=row.requests_per_minute or settings.requests_per_minute,
        calls_per_minute=row.calls_per_minute or settings.calls_per_minute,
        monthly_budget=row.monthly_budget,
        hard_stop=row.hard_stop,
    )


def _of_claims(claims: dict[str, Any], settings: Settings) -> Caller:
    """A subject is its own namespace: nobody becomes a key's owner by choosing a name."""
    owner = f"jwt:{claims['sub']}"
    return Caller(
        owner=owner,
        key_id=owner,
        scopes=_scopes(claims),
        requests_per_minute=settings.requests_per_minute,
        calls_per_minute=settings.calls_per_minute,
    )


def _scopes(claims: dict[str, Any]) -> frozenset[str]:
    """All where the token says nothing of them, none where it says what we can't read."""
    given = claims.get("scope", " ".join(keys.SCOPES))
    if isinstance(given, list):
        given = " ".join(name for name in given if isinstance(name, str))
    return frozenset(given.split()) if isinstance(given, str) else frozenset()


def _unbounded(settings: Settings) -> Caller:
    limit = max(settings.calls_per_minute, 6_000)
    return Caller(LOCAL, LOCAL, frozenset(keys.SCOPES), limit, limit)


def _is_this_machine(request: Request) -> bool:
    """A person at this machine: not another site's page in their browser, nor a renamed host."""
    host = urlsplit(f"//{request.headers.get('host', '')}").hostname
    origin = request.headers.get("origin")
    same_page = origin is None or urlsplit(origin).netloc == request.headers.get("host")
    client = request.client.host if request.client else ""
    return host in LOCAL_HOSTS and client in LOCAL_HOSTS and same_page


def _unauthorised(detail: str) -> Problem:
    return Problem(401, "unauthorized", detail, headers={"WWW-Authenticate": "Bearer"})


def allowed(scope: str, *, starts_work: bool = False) -> Callable[..., Awaitable[Caller]]:
    """A dependency: the caller, within their scopes and their rate."""

    async def check(
        request: Request, here: gateway.Here, caller: Annotated[Caller, Depends(identified)]
    ) -> Caller:
        request.state.owner = caller.owner
        if starts_work:
            per_minute, name = caller.requests_per_minute, f"work:{caller.owner}"
        else:
            per_minute, name = caller.calls_per_minute, f"call:{caller.owner}"
        allowance = await here.limits.take(name, per_minute)
        request.state.headers.update(allowance.headers())
        if not allowance.allowed:
            raise _too_many(allowance.limit, allowance.reset_s)
        if scope not in caller.scopes:
            raise Problem(403, "scope_missing", f"the key lacks scope {scope!r}: use one with it")
        return replace(caller, request_id=request.state.request_id)

    return check


def _too_many(limit: int, wait_s: int) -> Problem:
    return Problem(
        429,
        "rate_limited",
        f"more than {limit} requests in a minute: wait {wait_s} s, or ask for a higher rate",
    )


Reader = Annotated[Caller, Depends(allowed("read"))]
Writer = Annotated[Caller, Depends(allowed("write"))]
Starter = Annotated[Caller, Depends(allowed("write", starts_work=True))]
WebhookAdmin = Annotated[Caller, Depends(allowed("webhooks"))]
