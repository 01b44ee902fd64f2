"""The loop of one gateway process that tells receivers; several processes share the work."""

import asyncio
import logging
from datetime import timedelta

from cryptography.fernet import InvalidToken
from prometheus_client import Counter
from pydantic import ValidationError

from api.background import Passes
from api.clock import now
from api.database import Database
from api.resources import Shown
from api.webhooks import payloads, queue, secrets, signing
from api.webhooks.fanout import fan_out
from api.webhooks.queue import Claimed
from api.webhooks.sender import LIMIT_S, Outcome, Sender
from api.webhooks.signing import Keyring

log = logging.getLogger(__name__)

SLOTS = 64  # attempts at once
LEAVE_S = 5.0  # for attempts under way, when the process ends
TIDY_EVERY = 7_200  # passes


class Deliverer:
    def __init__(
        self,
        database: Database,
        sender: Sender,
        keyring: Keyring,
        shown: Shown,
        counted: Counter,
    ) -> None:
        self._database, self._sender = database, sender
        self._keyring, self._shown, self._counted = keyring, shown, counted
        self._under_way: set[asyncio.Task[None]] = set()
        self._loop = Passes("webhooks", self._pass)
        self._passes = 0

    def wake(self) -> None:
        """Something is due: do not wait for the next pass."""
        self._loop.wake()

    async def run(self) -> None:
        try:
            await self._loop.run()
        finally:
            await self._leave()

    async def step(self) -> int:
        """Begin with all that is due, as far as there are slots; how many."""
        await fan_out(self._database)
        free = SLOTS - len(self._under_way)
        claimed = await queue.claim(self._database, free) if free else []
        for one in claimed:
            task = asyncio.create_task(self._deliver(one), name=one.delivery.id)
            self._under_way.add(task)
            task.add_done_callback(self._ended)
        return len(claimed)

    async def idle(self) -> None:
        """Until nothing is under way."""
        while self._under_way:
            await asyncio.wait(set(self._under_way))

    async def _pass(self) -> bool:
        await self.step()
        self._passes += 1
        if self._passes % TIDY_EVERY == 0:
            async with self._database.writing() as session:
                await queue.forget_old(session)
        return True

    async def _deliver(self, claimed: Claimed) -> None:
        outcome = await self._attempt(claimed)
        if outcome is None:
            return
        self._counted.labels("delivered" if outcome.delivered else "failed").inc()
        if not await queue.settle(self._database, claimed, outcome):
            log.warning("delivery %s was given up or taken over meanwhile", claimed.delivery.id)
        elif not outcome.delivered:
            row = claimed.delivery
            log.info("%s to %s: %s", row.id, row.host, outcome.status or outcome.error)

    async def _attempt(self, claimed: Claimed) -> Outcome | None:
        """None where this process was asleep for so long that another may send it too."""
        row, event, at = claimed.delivery, claimed.event, now()
        if at > claimed.until - timedelta(seconds=LIMIT_S):
            return None
        try:
            signer = claimed.endpoint or await secrets.callback_secret(
                self._database, self._keyring, row.owner
            )
            signing_secrets = self._keyring.secrets_of(signer, at)
            body = payloads.body(event, self._shown)
        except InvalidToken:
            log.error("the secret of %s cannot be read: set AVATAR_WEBHOOK_KEY back", row.target)
            return Outcome(at, error="its secret cannot be read here: rotate it")
        except ValidationError as error:  # of a version before this one
            log.error("event %s cannot be told: %s fields differ", event.id, error.error_count())
            return Outcome(at, error="it cannot be told by this version: GET the video")
        return await self._sender.send(
            row.url, body, signing.headers(event.id, at, body, signing_secrets)
        )

    def _ended(self, task: "asyncio.Task[None]") -> None:
        self._under_way.discard(task)
        self.wake()
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("%s is sent again: its attempt failed here", task.get_name(), exc_info=error)

    async def _leave(self) -> None:
        """What does not end soon goes out again, from another process, when its claim has ended."""
        if self._under_way:
            _, late = await asyncio.wait(set(self._under_way), timeout=LEAVE_S)
            for task in late:
                task.cancel()
