"""What a gateway process holds, made once at its start and reached through `request.app`."""

from dataclasses import dataclass
from typing import Annotated, cast

from fastapi import Depends, Request

from api.accepting import Desk
from api.database import Database
from api.guard import Policy
from api.jobs import Prefect
from api.keys import KnownKeys
from api.leader import Leader
from api.limits import Limits
from api.links import Links
from api.metrics import Metrics
from api.resources import Shown
from api.settings import Settings
from api.tokens import Tokens
from api.webhooks.deliverer import Deliverer
from api.webhooks.signing import Keyring
from models.storage import Store


@dataclass(frozen=True)
class Gateway:
    settings: Settings
    database: Database
    limits: Limits
    keys: KnownKeys
    tokens: Tokens
    store: Store
    links: Links
    prefect: Prefect
    metrics: Metrics
    desk: Desk
    leader: Leader
    policy: Policy  # of addresses that callers name
    keyring: Keyring
    deliverer: Deliverer


async def of(request: Request) -> Gateway:
    """Like every dependency asynchronous: others are sent to a thread, at every request."""
    return cast(Gateway, request.app.state.gateway)


Here = Annotated[Gateway, Depends(of)]


async def shown(request: Request, here: Here) -> Shown:
    settings = here.settings
    base = settings.public_url or str(request.base_url)
    return Shown(here.links, base, settings.currency, settings.link_hours)


Showing = Annotated[Shown, Depends(shown)]
