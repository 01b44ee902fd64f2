"""How far a run is: told to whoever listens in this process, and to Prefect's page."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import cast
from uuid import UUID

from prefect.artifacts import create_progress_artifact, update_progress_artifact

EVERY_S = 2.0  # an update is a call to the server


Listener = Callable[[str, int, int], None]  # stage, steps done, steps in all (0: none to count)
_listener: ContextVar[Listener | None] = ContextVar("listener", default=None)


@contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """Tell the listener of every step that this process takes inside the block."""
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)


def begin(stage: str) -> None:
    """A stage without steps to count has begun."""
    if listener := _listener.get():
        listener(stage, 0, 0)


class Progress:
    """Counts the steps of one stage; a listener hears each, Prefect's page one in two seconds."""

    def __init__(self, stage: str, total: int) -> None:
        self._stage, self._total, self._done = stage, total, 0
        self._told_at = time.monotonic()
        self._artifact = cast(UUID, create_progress_artifact(progress=0.0, description=stage))

    @property
    def done(self) -> int:
        return self._done

    def advance(self, steps: int) -> None:
        self.reach(self._done + steps)

    def reach(self, done: int) -> None:
        """So many steps are done in all; never fewer than before."""
        if done <= self._done:
            return
        self._done = done
        if listener := _listener.get():
            listener(self._stage, self._done, self._total)
        now = time.monotonic()
        if now - self._told_at >= EVERY_S or self._done == self._total:
            self._told_at = now
            update_progress_artifact(self._artifact, progress=100 * self._done / self._total)
