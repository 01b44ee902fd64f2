"""One gateway of all does what only one may do: a lease in the database says which."""

import logging
import os
import secrets
import socket
import time
from datetime import timedelta

from sqlalchemy import or_, update
from sqlalchemy.exc import IntegrityError

from api import direct
from api.background import PAUSE_S, Passes
from api.clock import now
from api.database import Database
from api.dispatch import Dispatcher
from api.exports import Exports
from api.fetching import Fetching
from api.forgetting import Forgetting
from api.idempotency import forget_old
from api.metrics import Metrics
from api.reconcile import Reconciler
from api.retention import Retention
from api.tables import Lease
from models.errors import AvatarError
from models.storage import Store

log = logging.getLogger(__name__)

NAME = "dispatcher"
HOLD = timedelta(seconds=6)
EARLY_S = 0.05  # a timer that fires a little too soon must not cost a whole pause
TIDY_EVERY = 1_200  # passes


class Leader:
    """The loop of one process: it works while it holds the lease, and waits for it otherwise."""

    def __init__(
        self,
        database: Database,
        dispatcher: Dispatcher,
        reconciler: Reconciler,
        fetching: Fetching,
        exports: Exports,
        forgetting: Forgetting,
        retention: Retention,
        store: Store,
        metrics: Metrics,
    ) -> None:
        self._database, self._store, self._metrics = database, store, metrics
        self._dispatcher, self._reconciler = dispatcher, reconciler
        self._fetching, self._exports = fetching, exports
        self._forgetting, self._retention = forgetting, retention
        self._holder = f"{socket.gethostname()[:32]}-{os.getpid()}-{secrets.token_hex(4)}"
        self._loop = Passes("dispatcher", self._pass)
        self._passes = 0
        self._reconcile_at = 0.0
        self.prefect_up: bool | None = None  # None: this process has not asked yet

    def wake(self) -> None:
        """Something was accepted: do not wait for the next pass."""
        self._loop.wake()

    async def run(self) -> None:
        await self._loop.run()

    async def release(self) -> None:
        """So that another process takes over at once."""
        await self._fetching.stop()
        await self._exports.stop()
        await self._forgetting.stop()
        async with self._database.writing() as session:
            await session.execute(
                update(Lease).where(Lease.holder == self._holder).values(until=now())
            )

    async def _pass(self) -> bool:
        holds = await self.hold()
        self._metrics.leader.set(holds)
        try:
            if holds:
                await self._lead()
        except AvatarError as error:
            self._prefect_is(False, str(error))
            return False
        return True

    async def _lead(self) -> None:
        """Raises ServiceError where Prefect does not answer."""
        await self._fetching.start()
        await self._exports.start()
        await self._forgetting.start()
        ordered = await self._dispatcher.dispatch()
        seen = await self._reconcile()
        if ordered or seen:
            self._prefect_is(True)
        self._passes += 1
        if self._passes % TIDY_EVERY == 0:
            await self._tidy()

    async def _tidy(self) -> None:
        async with self._database.writing() as session:
            await forget_old(session)
        await self._retention.keep()
        try:
            await direct.forget_stale(self._database, self._store)
        except AvatarError as error:
            log.error("what was sent and not completed cannot be deleted yet: %s", error)

    async def _reconcile(self) -> int:
        """Not at every wake: callers and Prefect have most of the time for themselves."""
        began = time.monotonic()
        if began < self._reconcile_at:
            return 0
        seen = await self._reconciler.reconcile()
        ended = time.monotonic()
        self._reconcile_at = ended + max(PAUSE_S, 2 * (ended - began)) - EARLY_S
        return seen

    async def hold(self) -> bool:
        """Take the lease or keep it; False while another process has it."""
        at = now()
        async with self._database.writing() as session:
            taken = await session.execute(
                update(Lease)
                .where(Lease.name == NAME, or_(Lease.holder == self._holder, Lease.until < at))
                .values(holder=self._holder, until=at + HOLD)
            )
            if getattr(taken, "rowcount", 0):
                return True
            if await session.get(Lease, NAME) is not None:
                return False
        try:
            async with self._database.writing() as session:
                session.add(Lease(name=NAME, holder=self._holder, until=at + HOLD))
        except IntegrityError:
            return False  # another process was quicker
        return True

    def _prefect_is(self, up: bool, why: str = "") -> None:
        self._metrics.prefect_up.set(up)
        if up and self.prefect_up is False:
            log.warning("Prefect answers again: what was accepted is delivered now")
        if not up and self.prefect_up is not False:
            log.error("videos are accepted and wait for Prefect: %s", why)
        self.prefect_up = up
