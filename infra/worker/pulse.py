"""Signs of life of a run, from the process that runs it.

The worker hears each second that the child is not stuck, and how much memory it holds. The
server sees every `sign_s` seconds that the run lives: writing HOST:PID into the run renews its
`updated` time, which `infra.worker.lost` looks at. The same look tells the child what became of
its run meanwhile.
"""

import logging
import os
import signal
import threading
import time
from collections.abc import Callable
from uuid import UUID

import httpx
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.exceptions import ObjectNotFound
from prefect.settings import PREFECT_CLIENT_MAX_RETRIES, temporary_settings

from infra.worker import private
from infra.worker.messages import Beat, Count
from infra.worker.outcome import REQUEUED
from infra.worker.settings import signature
from models.tally import DONE

BEAT_S = 1.0
HOOKS_S = 30.0  # what a flow may still do after its final state
MEBIBYTE = 1 << 20

log = logging.getLogger(__name__)


class Pulse:
    """`run` is what beats: set it when a run begins, and to None when it has ended."""

    def __init__(self, tell: Callable[[Beat], None], sign_s: float) -> None:
        self.run: FlowRun | None = None
        self._tell, self._sign_s = tell, sign_s
        self._began = threading.Event()
        for loop in (self._beat, self._sign):
            threading.Thread(target=loop, name=f"pulse {loop.__name__}", daemon=True).start()

    def begin(self, run: FlowRun) -> None:
        self.run = run
        self._began.set()

    def end(self) -> None:
        self.run = None
        self._began.clear()

    def _beat(self) -> None:
        while self._began.wait():
            self._tell(Beat(memory_mb=memory_mb(), counts=counts()))
            time.sleep(BEAT_S)

    def _sign(self) -> None:
        with temporary_settings({PREFECT_CLIENT_MAX_RETRIES: 0}):
            while self._began.wait():
                if (run := self.run) is not None:
                    self._follow(run)

    def _follow(self, run: FlowRun) -> None:
        self._wait(run)
        if self.run is not run:
            return  # most are short: no connection for them
        with get_client(sync_client=True) as client:
            signs = Signs(client, run.id)
            while self.run is run:
                try:
                    signs.give()
                except (httpx.HTTPError, ObjectNotFound) as error:
                    log.warning("No sign to the server for run %s: %r", run.id, error)
                self._wait(run)

    def _wait(self, run: FlowRun) -> None:
        until = time.monotonic() + self._sign_s
        while self.run is run and time.monotonic() < until:
            time.sleep(min(BEAT_S, self._sign_s))


class Signs:
    """What the server is told of one run, and what the answer makes us do."""

    def __init__(self, client: SyncPrefectClient, run: UUID) -> None:
        self._client, self._run = client, run
        self._final_since: float | None = None

    def give(self) -> None:
        now = self._client.read_flow_run(self._run)
        if self._lost(now):
            log.error("Run %s is no longer ours: this process ends", self._run)
            os.kill(os.getpid(), signal.SIGKILL)
        if now.state is None or now.state.is_final():
            return
        if now.state.type is StateType.CANCELLING:
            private.cancel_current()
        if now.state.type is StateType.PAUSED:
            private.mark_flow_run_suspension_requested(self._run, now.state)
        self._client.update_flow_run(self._run, infrastructure_pid=signature())

    def _lost(self, now: FlowRun) -> bool:
        """Taken from us while we slept, or ended by somebody else."""
        if now.state is not None and now.state.is_final():
            self._final_since = self._final_since or time.monotonic()
            return time.monotonic() - self._final_since > HOOKS_S
        taken = now.infrastructure_pid not in (None, signature())
        return taken or (now.state is not None and now.state.name == REQUEUED)


def counts() -> tuple[Count, ...]:
    """What this process has done since it was last asked."""
    taken = DONE.take().items()
    return tuple(Count(text=text, labels=dict(told), value=each) for (text, told), each in taken)


def memory_mb() -> int:
    """What this process holds in memory now."""
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") // MEBIBYTE
