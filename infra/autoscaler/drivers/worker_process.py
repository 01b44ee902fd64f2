"""One worker: a process that leads a group of its own, started here or found again."""

import os
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from models.errors import SetupError

_PROC = Path("/proc")


class WorkerProcess:
    """SIGTERM drains it: it finishes its run and exits. A run may outlive it, in its group.

    A process id comes back after a while: the time that it started tells whether it is the same.
    """

    def __init__(
        self, pid: int, started: int | None, process: subprocess.Popen[bytes] | None = None
    ) -> None:
        self.pid, self.started = pid, started
        self._process = process  # None where another process started it

    @classmethod
    def start(
        cls, command: Sequence[str], log: Path | None, environment: Mapping[str, str]
    ) -> "WorkerProcess":
        """Raises SetupError."""
        try:
            if log is None:
                return cls._start(command, None, environment)
            with log.open("ab") as output:
                return cls._start(command, output, environment)
        except OSError as error:
            raise SetupError(
                f"worker {' '.join(command)!r} does not start ({error}): correct the command"
            ) from error

    @classmethod
    def _start(
        cls, command: Sequence[str], output: BinaryIO | None, environment: Mapping[str, str]
    ) -> "WorkerProcess":
        process = subprocess.Popen(
            command,
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
        return cls(process.pid, started_at(process.pid), process)

    @property
    def status(self) -> int | None:
        """Of its end, where we may know it."""
        return self._process.returncode if self._process else None

    def works(self) -> bool:
        if self._process is not None:
            return self._process.poll() is None
        return self.started is not None and started_at(self.pid) == self.started

    def lives(self) -> bool:
        """Whether it, or a run that outlived it, is still there."""
        if self.works():
            return True
        if self._process is None and started_at(self.pid) is not None:
            return False  # its number is another's now
        return any(group == self.pid and not _ended(state) for state, group, _ in _everyone())

    def drain(self) -> None:
        if self.works():
            with suppress(ProcessLookupError):  # it ended just now
                os.kill(self.pid, signal.SIGTERM)

    def kill(self) -> None:
        """End it and whatever is left of its group."""
        if self.lives():
            with suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)
        if self._process is not None:
            self._process.wait()


def started_at(pid: int) -> int | None:
    """In clock ticks since the machine did; None where no such process runs, or none can tell."""
    facts = _facts(pid)
    return None if facts is None or _ended(facts[0]) else facts[2]


def _facts(pid: int) -> tuple[str, int, int] | None:
    """State, process group and start."""
    try:
        text = (_PROC / str(pid) / "stat").read_text()
    except OSError:
        return None
    fields = text.rpartition(")")[2].split()  # its name may hold anything
    return fields[0], int(fields[2]), int(fields[19])


def _everyone() -> Iterator[tuple[str, int, int]]:
    for place in _PROC.iterdir():
        if place.name.isdigit() and (facts := _facts(int(place.name))):
            yield facts


def _ended(state: str) -> bool:
    """A zombie has: it waits for a starter that may not care."""
    return state in ("Z", "X")
