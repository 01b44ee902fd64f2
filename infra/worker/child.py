"""A long-lived process that runs one flow run after another on its main thread.

`python -m infra.worker.child MODULE:FUNCTION...` calls the functions, then takes messages from
its standard input until that closes. It answers on what was its standard output; what flows
print goes to standard error.
"""

import os
import queue
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from typing import IO, Any
from uuid import UUID

from prefect.client.schemas.objects import FlowRun
from prefect.flows import Flow

from infra.worker import private
from infra.worker.messages import Cancel, Ended, Ending, Loaded, Message, Ready, Run, to_child

MEBIBYTE = 1 << 20
ARM_S = 0.05

_flows: dict[tuple[UUID | None, str], tuple[Flow[..., Any], str]] = {}  # and its working folder


class Mailbox:
    """Reads the input on a thread of its own, so that a cancel reaches a run under way."""

    def __init__(self, source: IO[bytes]) -> None:
        self._source = source
        self._runs: queue.SimpleQueue[Run | None] = queue.SimpleQueue()
        self.current: UUID | None = None
        threading.Thread(target=self._read, daemon=True).start()

    def __iter__(self) -> Iterator[Run]:
        return iter(self._runs.get, None)

    def _read(self) -> None:
        for line in self._source:
            message = to_child.validate_json(line)
            if isinstance(message, Cancel):
                self._cancel(message.run)
            else:
                self.current = message.run
                self._runs.put(message)
        self._runs.put(None)

    def _cancel(self, run: UUID) -> None:
        while self.current == run and not private.cancel_current():
            time.sleep(ARM_S)  # the flow is still being loaded


def main() -> None:
    answers = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)
    signal.signal(signal.SIGTERM, _ignore)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the worker decides
    for name in sys.argv[1:]:
        _preload(name)
    with private.without_heartbeat():
        _serve(Mailbox(os.fdopen(os.dup(0), "rb", buffering=0)), answers)


def _serve(mailbox: Mailbox, answers: IO[bytes]) -> None:
    _tell(answers, Ready())
    for message in mailbox:
        with _environment(message.env):
            how, reason = _run(message.run, answers)
        mailbox.current = None
        signal.signal(signal.SIGTERM, _ignore)  # after a cancel Prefect leaves its own
        _tell(answers, Ended(how=how, reason=reason, memory_mb=_memory_mb()))


def _run(id: UUID, answers: IO[bytes]) -> tuple[Ending, str]:
    try:
        run = private.load_flow_run(id)
        flow = _flow(run)
    except private.Cancelled:
        return Ending.CANCELLED, ""
    except Exception as error:
        return Ending.UNLOADABLE, f"{type(error).__name__}: {error}"
    _tell(answers, Loaded(timeout_s=flow.timeout_seconds))
    try:
        private.execute(flow, run)
    except private.Cancelled:
        return Ending.CANCELLED, ""
    return Ending.HANDLED, ""


def _flow(run: FlowRun) -> Flow[..., Any]:
    """Loaded once a deployment and version: a flow file is a new module on each load."""
    if run.deployment_version is None:
        return private.load_flow(run)
    key = (run.deployment_id, run.deployment_version)
    if key not in _flows:
        _flows[key] = (private.load_flow(run), os.getcwd())
    flow, folder = _flows[key]
    os.chdir(folder)
    return flow


def _preload(name: str) -> None:
    module, _, function = name.partition(":")
    getattr(import_module(module), function)()


@contextmanager
def _environment(changes: dict[str, str | None]) -> Iterator[None]:
    before = dict(os.environ)
    os.environ.update({name: value for name, value in changes.items() if value is not None})
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _tell(answers: IO[bytes], message: Message) -> None:
    with suppress(BrokenPipeError):  # the worker died; the run goes on
        answers.write(message.line())


def _memory_mb() -> int:
    """What this process holds in memory now."""
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") // MEBIBYTE


def _ignore(*_: object) -> None:
    """A signal that comes between two runs."""


if __name__ == "__main__":
    main()
