"""API keys: shown once, kept as a hash."""

import hashlib
import hmac
import secrets
import time
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from api.clock import now
from api.database import Database
from api.ids import new_id
from api.tables import ApiKey
from models.errors import InvalidRequest

PREFIX = "av_live_"
KNOWN_S = 1.0  # so long a revoked key may still be used
MOST_KNOWN = 10_000
SHOWN = len(PREFIX) + 6
SCOPES = ("read", "write", "webhooks")  # see, make and delete, manage endpoints


@dataclass(frozen=True)
class NewKey:
    secret: str  # the only time that it can be seen
    row: ApiKey


def make_key(
    owner: str,
    name: str,
    *,
    scopes: tuple[str, ...] = SCOPES,
    expires_at: datetime | None = None,
    requests_per_minute: int | None = None,
    calls_per_minute: int | None = None,
    monthly_budget: int | None = None,
    hard_stop: bool = True,
) -> NewKey:
    """A key of 256 bits of chance. Raises InvalidRequest for a scope that does not exist."""
    for scope in scopes:
        if scope not in SCOPES:
            raise InvalidRequest(f"no scope {scope!r}: use {', '.join(SCOPES)}")
    secret = PREFIX + secrets.token_urlsafe(32)
    row = ApiKey(
        id=new_id("key"),
        owner=owner,
        name=name,
        prefix=secret[:SHOWN],
        hash=hashed(secret),
        scopes=" ".join(scopes),
        expires_at=expires_at,
        requests_per_minute=requests_per_minute,
        calls_per_minute=calls_per_minute,
        monthly_budget=monthly_budget,
        hard_stop=hard_stop,
        created_at=now(),
    )
    return NewKey(secret, row)


def hashed(secret: str) -> str:
    """Plain SHA-256: what has 256 bits of chance needs no slow hash."""
    return hashlib.sha256(secret.encode()).hexdigest()


class KnownKeys:
    """Keys as they were a moment ago: a caller's next call does not ask the database again."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known: dict[str, tuple[float, ApiKey]] = {}  # by hash, the time it was read

    async def find(self, secret: str) -> ApiKey | None:
        wanted = hashed(secret)
        at = time.monotonic()
        if (known := self._known.get(wanted)) and at - known[0] < KNOWN_S:
            return known[1]
        async with self._database.reading() as session:
            row = await find_key(session, secret)
        if len(self._known) >= MOST_KNOWN:
            self._known.clear()
        if row is not None:
            self._known[wanted] = at, row
        return row


async def find_key(session: AsyncSession, secret: str) -> ApiKey | None:
    wanted = hashed(secret)
    row = await session.scalar(select(ApiKey).where(ApiKey.hash == wanted))
    return row if row is not None and hmac.compare_digest(row.hash, wanted) else None


def is_valid(row: ApiKey, at: datetime) -> bool:
    return row.revoked_at is None and (row.expires_at is None or at < row.expires_at)
