"""Workers as processes of this machine."""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from infra.autoscaler.drivers.records import Records
from infra.autoscaler.drivers.worker_process import WorkerProcess

_log = logging.getLogger(__name__)
_POLL_S = 0.05


@dataclass
class _Draining:
    worker: WorkerProcess
    until: float


class WorkerProcesses:
    """Starts `command` once per worker; SIGTERM drains one, SIGKILL ends what drains too long.

    `environment` goes over ours. A worker must finish its run and exit on SIGTERM. Each leads a
    process group of its own, so a Ctrl-C meets us alone, and the kill takes the worker's children
    with it. A run that outlives its worker may end within the same bound. Leaving the block drains
    all of them. What a killed predecessor left running is taken over, where both are given the same
    `folder`.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        environment: Mapping[str, str] | None = None,
        drain_s: float = 600.0,
        log: Path | None = None,
        folder: Path | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._command, self._environment = list(command), dict(environment or {})
        self._drain_s = drain_s
        self._log_file = log
        self._clock = clock
        self._records = Records(folder) if folder else None
        self._working: list[WorkerProcess] = []
        self._draining: list[_Draining] = []

    def __enter__(self) -> "WorkerProcesses":
        if self._records:
            self._adopt(self._records)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def pids(self) -> list[int]:
        return [worker.pid for worker in self._working]

    @property
    def draining(self) -> int:
        return len(self._draining)

    def current(self) -> int:
        for worker in [worker for worker in self._working if not worker.works()]:
            _log.warning("worker %d ended by itself with %s", worker.pid, worker.status)
            self._working.remove(worker)
            self._finish(worker)
        return len(self._working)

    def scale_to(self, workers: int) -> None:
        self._end_overdue()
        for _ in range(workers - self.current()):
            self._start()
        while len(self._working) > workers:
            worker = self._working.pop()  # the newest: the oldest is the warmest
            worker.drain()
            self._finish(worker)

    def close(self) -> None:
        """Drain all, wait for them within the bound, leave none behind."""
        self.scale_to(0)
        while self._draining:
            time.sleep(_POLL_S)
            self._end_overdue()
        if self._records:
            self._records.close()

    def _start(self) -> None:
        worker = WorkerProcess.start(self._command, self._log_file, self._environment)
        self._working.append(worker)
        if self._records:
            self._records.keep(worker)

    def _adopt(self, records: Records) -> None:
        for worker, draining in records.found():
            _log.info("worker %d was left by another autoscaler: taken over", worker.pid)
            if draining:
                self._finish(worker)  # it was told: a second signal would end its run
            else:
                self._working.append(worker)

    def _finish(self, worker: WorkerProcess) -> None:
        """Give it, or what it left behind, the time to end a run."""
        self._draining.append(_Draining(worker, self._clock() + self._drain_s))
        if self._records:
            self._records.keep(worker, draining=True)

    def _end_overdue(self) -> None:
        for one in list(self._draining):
            if one.worker.lives():
                if self._clock() < one.until:
                    continue
                _log.warning("worker %d drained over %g s: killed", one.worker.pid, self._drain_s)
                one.worker.kill()
            self._draining.remove(one)
            if self._records:
                self._records.forget(one.worker)
