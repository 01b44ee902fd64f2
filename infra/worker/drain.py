"""The end of a worker: finish what runs, take nothing more, stop within a bound."""

import asyncio
from collections.abc import Collection
from typing import Protocol
from uuid import UUID

CHECK_S = 0.1
REQUEUE_S = 10.0  # to tell the server of what was killed


class Drainable(Protocol):
    @property
    def active(self) -> Collection[UUID]: ...

    async def kill_all(self) -> None: ...


class Drain:
    """Made in the task that is to end."""

    def __init__(self, worker: Drainable, bound_s: float) -> None:
        self._worker, self._bound_s = worker, bound_s
        self._task = asyncio.current_task()
        self._draining: asyncio.Task[None] | None = None

    @property
    def begun(self) -> bool:
        return self._draining is not None

    def begin(self) -> None:
        """The first signal waits for the runs, the second does not."""
        if self._draining is None:
            self._draining = asyncio.get_running_loop().create_task(self._finish())
        else:
            self._bound_s = 0

    async def _finish(self) -> None:
        began = asyncio.get_running_loop().time()
        while self._worker.active and asyncio.get_running_loop().time() < began + self._bound_s:
            await asyncio.sleep(CHECK_S)
        if self._worker.active:
            await self._worker.kill_all()
            await self._settle()
        if self._task is not None:
            self._task.cancel()

    async def _settle(self) -> None:
        loop = asyncio.get_running_loop()
        until = loop.time() + REQUEUE_S
        while self._worker.active and loop.time() < until:
            await asyncio.sleep(CHECK_S)
