"""Look, decide, act: again and again, and what fails never takes a worker away."""

import logging
import math
import threading
import time
from collections.abc import Callable
from typing import Protocol

from infra.autoscaler.depth import Demand
from infra.autoscaler.drivers.driver import Driver
from infra.autoscaler.rules import Decision, Rule, State, decide
from models.errors import AvatarError

_log = logging.getLogger(__name__)
MEASURE_EVERY_S = 60.0


class Queue(Protocol):
    def demand(self) -> Demand: ...
    def run_s(self) -> float | None: ...


class Watcher(Protocol):
    """Is told of every look, for whoever reads along."""

    def seen(self, state: State, decision: Decision) -> None: ...
    def failed(self, error: AvatarError) -> None: ...


class Autoscaler:
    """Holds what one look alone cannot know: the last change, the idle time, the pace."""

    def __init__(
        self,
        queue: Queue,
        driver: Driver,
        rule: Rule,
        *,
        watcher: Watcher | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._queue = queue
        self._driver = driver
        self._rule = rule
        self._watcher = watcher
        self._clock = clock
        self._changed_at = -math.inf
        self._active_at = clock()
        self._measured_at = -math.inf
        self._run_s: float | None = None

    def run(self, stop: threading.Event, every_s: float = 5.0) -> None:
        """Look until told to stop."""
        while not stop.is_set():
            self.look()
            stop.wait(every_s)

    def look(self) -> Decision | None:
        """One look; None where Prefect or the driver failed, and then nothing is changed."""
        try:
            state = self._state()
            decision = decide(state, self._rule)
            self._driver.scale_to(decision.workers)
        except AvatarError as error:
            _log.warning("left as it is: %s", error)
            if self._watcher:
                self._watcher.failed(error)
            return None
        if decision.workers != state.workers:
            self._changed_at = self._clock()
            _log.info("%d -> %d workers: %s", state.workers, decision.workers, decision.reason)
        if self._watcher:
            self._watcher.seen(state, decision)
        return decision

    def _state(self) -> State:
        demand = self._queue.demand()
        now = self._clock()
        if now - self._measured_at >= MEASURE_EVERY_S:
            self._run_s, self._measured_at = self._queue.run_s(), now
        if demand.waiting or demand.busy:
            self._active_at = now
        return State(
            waiting=demand.waiting,
            busy=demand.busy,
            workers=self._driver.current(),
            since_change_s=now - self._changed_at,
            idle_s=now - self._active_at,
            oldest_s=demand.oldest_s,
            run_s=self._run_s,
        )
