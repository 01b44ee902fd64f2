"""What a gateway process does beside its requests: a loop of passes, and tasks by name."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

log = logging.getLogger(__name__)

PAUSE_S = 0.5
AWAY_S = 2.0  # after a pass that failed


class Passes:
    """One after the other, for ever; nothing that goes wrong in a pass ends the loop.

    `work` says whether the next pass may come soon.
    """

    def __init__(self, name: str, work: Callable[[], Awaitable[bool]]) -> None:
        self._name, self._work = name, work
        self._wake = asyncio.Event()

    def wake(self) -> None:
        """There is work: do not wait for the next pass."""
        self._wake.set()

    async def run(self) -> None:
        while True:
            pause = await self._guarded()
            try:
                await asyncio.wait_for(self._wake.wait(), pause)
            except TimeoutError:
                continue
            finally:
                self._wake.clear()

    async def _guarded(self) -> float:
        try:
            return PAUSE_S if await self._work() else AWAY_S
        except (SQLAlchemyError, OSError) as error:
            log.error("%s: the database does not answer: %s", self._name, error)
        except Exception:
            log.exception("%s: a pass failed", self._name)
        return AWAY_S


class Tasks:
    """Under way, each once at a time by its name."""

    def __init__(self) -> None:
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def __contains__(self, name: str) -> bool:
        return name in self._tasks

    def __len__(self) -> int:
        return len(self._tasks)

    def begin(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        """`work` guards itself: nobody waits for how it ends."""
        task = asyncio.create_task(work, name=name)
        self._tasks[name] = task
        task.add_done_callback(lambda _: self._tasks.pop(name, None))

    async def stop(self) -> None:
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
