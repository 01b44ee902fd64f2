"""The same Idempotency-Key, the same answer, for a day; its first request alone does anything.

    first request        claims the key, does its work and stores the answer in one transaction
    again, same body     the stored answer, with Idempotency-Replayed: true
    again, meanwhile     409 idempotency_in_progress with Retry-After
    again, other body    422 idempotency_mismatch

A request that fails leaves nothing behind, so that it may be tried again with the same key. A
claim whose process was killed can be taken over after CLAIM.
"""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Annotated, Any

from fastapi import Header
from fastapi.responses import JSONResponse
from sqlalchemy import delete, update
from sqlalchemy.exc import IntegrityError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession

from api.clock import now
from api.database import Database, is_away, is_duplicate
from api.ids import new_id
from api.problems import Problem
from api.tables import Answered

KEPT = timedelta(hours=24)
CLAIM = timedelta(seconds=60)
REPLAYED = "Idempotency-Replayed"
_releasing: set[asyncio.Task[None]] = set()  # kept, or they might be collected half-way

IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=255,
        pattern=r"^[\x21-\x7e]+$",
        description="The same key and body within 24 h: the same answer, nothing done twice.",
    ),
]


@dataclass(frozen=True)
class Reply:
    status: int
    body: dict[str, Any]
    headers: Mapping[str, str] = field(default_factory=dict)
    shown_once: frozenset[str] = frozenset()  # fields that are not kept, null in a replay

    @property
    def kept(self) -> dict[str, Any]:
        return {name: None if name in self.shown_once else self.body[name] for name in self.body}


Work = Callable[[AsyncSession], Awaitable[Reply]]


@dataclass(frozen=True)
class Once:
    """One route's work for one caller's key."""

    database: Database
    owner: str
    route: str
    key: str | None
    body: str  # canonical JSON

    async def answer(self, work: Work) -> JSONResponse:
        if self.key is None:
            async with self.database.writing() as session:
                return _response(await work(session))
        claim = new_id("clm")
        stored = await self._claimed(claim)
        if stored is not None:
            return _response(stored, replayed=True)
        try:
            async with self.database.writing() as session:
                reply = await work(session)
                await self._store(session, claim, reply)
        except BaseException:
            await self._release(claim)
            raise
        return _response(reply)

    async def _claimed(self, claim: str) -> Reply | None:
        """None: this request is to do the work. Raises Problem 409 and 422."""
        async with self.database.writing() as session:
            found = await session.get(Answered, self._place, with_for_update=True)
            if found is not None and self._is_over(found):
                await session.delete(found)
                await session.flush()
                found = None
            if found is None:
                return await self._claim(session, claim)
            return self._told(found)

    async def _claim(self, session: AsyncSession, claim: str) -> Reply | None:
        row = Answered(
            owner=self.owner,
            key=self.key or "",
            route=self.route,
            fingerprint=self._fingerprint,
            created_at=now(),
            claim=claim,
        )
        try:
            session.add(row)
            await session.flush()
        except IntegrityError as error:
            if not is_duplicate(error):
                raise
            raise _in_progress() from error  # another gateway was quicker
        return None

    def _is_over(self, found: Answered) -> bool:
        kept = CLAIM if found.status is None else KEPT
        return now() - found.created_at > kept

    def _told(self, found: Answered) -> Reply:
        if found.fingerprint != self._fingerprint:
            raise Problem(
                422,
                "idempotency_mismatch",
                "this Idempotency-Key came with another body: use a new key for a new request",
            )
        if found.status is None:
            raise _in_progress()
        return Reply(found.status, found.body or {}, found.headers or {})

    async def _store(self, session: AsyncSession, claim: str, reply: Reply) -> None:
        """Raises Problem where the claim was lost: then the work is undone with it."""
        kept = (
            update(Answered)
            .where(*self._is_mine(claim))
            .values(status=reply.status, body=reply.kept, headers=dict(reply.headers))
        )
        done = await session.execute(kept)
        if done.rowcount != 1:  # type: ignore[attr-defined]
            raise _in_progress()

    async def _release(self, claim: str) -> None:
        """Now, or once the database is back: who tries again shall not find it being answered."""
        try:
            await self._forget(claim)
        except Exception as error:
            if not is_away(error):
                raise
            later = asyncio.create_task(self._release_later(claim))
            _releasing.add(later)
            later.add_done_callback(_releasing.discard)

    async def _release_later(self, claim: str) -> None:
        for _ in range(CLAIM.seconds):  # after that it ends by itself
            await asyncio.sleep(1)
            with suppress(SQLAlchemyError, OSError):
                return await self._forget(claim)

    async def _forget(self, claim: str) -> None:
        async with self.database.writing() as session:
            await session.execute(
                delete(Answered).where(*self._is_mine(claim), Answered.status.is_(None))
            )

    def _is_mine(self, claim: str) -> tuple[Any, ...]:
        return (
            Answered.owner == self.owner,
            Answered.key == self.key,
            Answered.route == self.route,
            Answered.claim == claim,
        )

    @property
    def _place(self) -> tuple[str, str, str]:
        return self.owner, self.key or "", self.route

    @property
    def _fingerprint(self) -> str:
        return hashlib.sha256(self.body.encode()).hexdigest()


def _response(reply: Reply, *, replayed: bool = False) -> JSONResponse:
    headers = {**reply.headers, **({REPLAYED: "true"} if replayed else {})}
    return JSONResponse(reply.body, reply.status, headers)


def _in_progress() -> Problem:
    return Problem(
        409,
        "idempotency_in_progress",
        "the first request with this Idempotency-Key is being answered: try again in a second",
        headers={"Retry-After": "1"},
    )


async def forget_old(session: AsyncSession) -> None:
    await session.execute(delete(Answered).where(Answered.created_at < now() - KEPT))
