"""Workers as processes of this machine."""

import logging
import os
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from models.errors import SetupError

_log = logging.getLogger(__name__)
_POLL_S = 0.05


@dataclass
class _Draining:
    process: subprocess.Popen[bytes]
    until: float


class WorkerProcesses:
    """Starts `command` once per worker; SIGTERM drains one, SIGKILL ends what drains too long.

    A worker must finish its run and exit on SIGTERM. Each leads a process group of its own, so a
    Ctrl-C meets us alone, and the kill takes the worker's children with it. A run that outlives
    its worker may end within the same bound. Leaving the block drains all of them.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        drain_s: float = 600.0,
        log: Path | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._command = list(command)
        self._drain_s = drain_s
        self._log_file = log
        self._clock = clock
        self._working: list[subprocess.Popen[bytes]] = []
        self._draining: list[_Draining] = []

    def __enter__(self) -> "WorkerProcesses":
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
        return [process.pid for process in self._working]

    @property
    def draining(self) -> int:
        return len(self._draining)

    def current(self) -> int:
        for process in [process for process in self._working if process.poll() is not None]:
            _log.warning("worker %d ended by itself with %s", process.pid, process.returncode)
            self._working.remove(process)
            self._finish(process)
        return len(self._working)

    def scale_to(self, workers: int) -> None:
        self._end_overdue()
        for _ in range(workers - self.current()):
            self._working.append(self._start())
        while len(self._working) > workers:
            self._drain(self._working.pop())  # the newest: the oldest is the warmest

    def close(self) -> None:
        """Drain all, wait for them within the bound, leave none behind."""
        self.scale_to(0)
        while self._draining:
            time.sleep(_POLL_S)
            self._end_overdue()

    def _start(self) -> subprocess.Popen[bytes]:
        try:
            if self._log_file is None:
                return self._popen(None)
            with self._log_file.open("ab") as log:
                return self._popen(log.fileno())
        except OSError as error:
            raise SetupError(
                f"worker {' '.join(self._command)!r} does not start ({error}): correct the command"
            ) from error

    def _popen(self, output: int | None) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            self._command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )

    def _drain(self, process: subprocess.Popen[bytes]) -> None:
        process.send_signal(signal.SIGTERM)
        self._finish(process)

    def _finish(self, process: subprocess.Popen[bytes]) -> None:
        """Give it, or what it left behind, the time to end a run."""
        self._draining.append(_Draining(process, self._clock() + self._drain_s))

    def _end_overdue(self) -> None:
        for one in list(self._draining):
            if _lives(one.process):
                if self._clock() < one.until:
                    continue
                _log.warning("worker %d drained over %g s: killed", one.process.pid, self._drain_s)
                _kill(one.process)
            self._draining.remove(one)


def _lives(process: subprocess.Popen[bytes]) -> bool:
    """Whether the worker, or a run that outlived it, is still there."""
    if process.poll() is None:
        return True
    try:
        os.killpg(process.pid, 0)
    except ProcessLookupError:
        return False
    return True


def _kill(process: subprocess.Popen[bytes]) -> None:
    """End the worker and whatever is left of its group."""
    with suppress(ProcessLookupError):  # it ended just now
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
