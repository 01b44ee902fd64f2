"""Keeps the services of one machine running: healthy one after another, drained in reverse.

A service that dies is started again, later each time. Everything happens in the calling thread:
the kernel ties a service's life to the thread that started it (see infra/leash.py).
"""

import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from models.errors import SetupError

LEASH = Path(__file__).with_name("leash.py")
POLL_S = 0.1
ANSWER_S = 2.0  # for one look at a service's health
BACKOFF_S = (1.0, 2.0, 5.0, 15.0, 30.0)  # before each next start; the last one for ever
STEADY_S = 60.0  # a service that ran so long starts again at once
TOLD_LINES = 5  # of a log, where a service does not start


@dataclass(frozen=True)
class Service:
    """One process. With `health` it is a server, without it a step that ends by itself."""

    name: str
    command: Sequence[str]
    env: Mapping[str, str] = field(default_factory=dict)
    health: str | None = None  # answers 200 where all is well
    address: str = ""  # what a person opens, if anything
    folder: Path | None = None  # that it works in
    start_s: float = 90.0
    drain_s: float = 30.0


class Stopped(Exception):
    """A signal came while services were being started."""


class Supervisor:
    """Leaving the block drains what runs, the newest first, and leaves nothing behind."""

    def __init__(self, logs: Path, say: Callable[[str], None]) -> None:
        self._logs, self._say = logs, say
        self._running: list[_Running] = []
        self._stopping = False

    def __enter__(self) -> "Supervisor":
        self._logs.mkdir(parents=True, exist_ok=True)
        self._before = {
            number: signal.signal(number, self._asked_to_stop)
            for number in (signal.SIGTERM, signal.SIGINT)
        }
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping = True
        try:
            for running in reversed(self._running):
                running.end(self._say)
        finally:
            for number, handler in self._before.items():
                signal.signal(number, handler)

    def start(self, *services: Service) -> None:
        """Side by side; back when each is healthy, or done. Raises SetupError and Stopped."""
        begun = [_Running(service, self._logs) for service in services]
        self._running += begun
        waiting = list(begun)
        while waiting:
            self._check_stop()
            for one in [one for one in waiting if one.arrived()]:
                waiting.remove(one)
                self._say(one.told())
            time.sleep(POLL_S)
        self._running = [one for one in self._running if one.service.health]

    def watch(self) -> None:
        """Until a signal asks for the end."""
        while not self._stopping:
            for one in self._running:
                if line := one.revive():
                    self._say(line)
            time.sleep(POLL_S)

    def _check_stop(self) -> None:
        if self._stopping:
            raise Stopped

    def _asked_to_stop(self, number: int, frame: object) -> None:
        """The first signal drains, each later one is handed on: a worker then hurries."""
        if self._stopping:
            for one in self._running:
                one.signal(signal.SIGTERM)
        self._stopping = True


class _Running:
    def __init__(self, service: Service, logs: Path) -> None:
        self.service = service
        self._log = logs / f"{service.name}.log"
        self._log.unlink(missing_ok=True)
        self._deaths = 0
        self._next: float | None = None  # when to start again
        self._start()

    def _start(self) -> None:
        """In a session of its own, so that Ctrl-C meets the supervisor alone."""
        self._began = time.monotonic()
        self._next = None
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-S", str(LEASH), str(os.getpid()), *self.service.command],
                env=os.environ | dict(self.service.env),
                cwd=self.service.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def arrived(self) -> bool:
        """Whether it is healthy, or, for a step, done. Raises SetupError."""
        ended = self._process.poll()
        if self.service.health is None and ended == 0:
            return True
        if ended is not None:
            raise SetupError(f"{self.service.name} ended with status {ended}: {self._last_words()}")
        if time.monotonic() > self._began + self.service.start_s:
            raise SetupError(
                f"{self.service.name} is not ready after {self.service.start_s:g} s: "
                f"{self._last_words()}"
            )
        return self.service.health is not None and answers(self.service.health)

    def told(self) -> str:
        seconds = time.monotonic() - self._began
        verb = "ready" if self.service.health else "done"
        return f"{self.service.name:8} {verb} in {seconds:4.1f} s  {self.service.address}".rstrip()

    def revive(self) -> str:
        """What happened, if anything did."""
        now = time.monotonic()
        if self._next is not None:
            if now < self._next:
                return ""
            self._start()
            return f"{self.service.name:8} started again"
        status = self._process.poll()
        if status is None:
            return ""
        if now - self._began > STEADY_S:
            self._deaths = 0
        wait = BACKOFF_S[min(self._deaths, len(BACKOFF_S) - 1)]
        self._deaths += 1
        self._next = now + wait
        return (
            f"{self.service.name:8} {_ending(status)}: starting again in {wait:g} s ({self._log})"
        )

    def signal(self, number: int) -> None:
        with suppress(ProcessLookupError):
            self._process.send_signal(number)

    def end(self, say: Callable[[str], None]) -> None:
        """Let it finish within its bound, then kill what is left of it."""
        if self._process.poll() is None:
            say(f"{self.service.name:8} finishing")
            self.signal(signal.SIGTERM)
        try:
            self._process.wait(self.service.drain_s)
        except subprocess.TimeoutExpired:
            say(f"{self.service.name:8} not done after {self.service.drain_s:g} s: killed")
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def _last_words(self) -> str:
        lines = self._log.read_text(encoding="utf-8", errors="replace").splitlines()
        spoken = [line.strip() for line in lines if line.strip()][-TOLD_LINES:]
        return f"{' / '.join(spoken) or 'it said nothing'} (all of it is in {self._log})"


def answers(url: str) -> bool:
    """Whether the address answers 200, now."""
    try:
        with urllib.request.urlopen(url, timeout=ANSWER_S) as reply:
            return bool(reply.status == 200)
    except OSError:  # refused, timed out, or an answer of another kind
        return False


def _ending(status: int) -> str:
    if status < 0:
        return f"was ended by {signal.Signals(-status).name}"
    return f"ended with status {status}"
