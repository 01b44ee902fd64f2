"""A long-lived process that runs one flow run after another on its main thread.

`python -m infra.worker.child MODULE:FUNCTION...` calls the functions, then takes messages from
its standard input until that closes. It answers on what was its standard output; what flows
print goes to standard error.
"""

import os
import queue
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from typing import IO, Any
from uuid import UUID

from prefect.context import SyncClientContext
from prefect.flows import Flow

from infra.worker import private
from infra.worker.log_lines import about
from infra.worker.messages import Cancel, Ended, Ending, Loaded, Message, Ready, Run, to_child
from infra.worker.pulse import Pulse, counts, memory_mb
from infra.worker.settings import WorkerSettings

ARM_S = 0.05

_flows: dict[tuple[UUID | None, str], tuple[Flow[..., Any], str]] = {}  # and its working folder


class Mailbox:
    """Reads the input on a thread of its own, so that a cancel reaches a run under way."""

    def __init__(self, source: IO[bytes]) -> None:
        self._source = source
        self._runs: queue.SimpleQueue[Run | None] = queue.SimpleQueue()
        self.current: UUID | None = None
        threading.Thread(target=self._read, name="mailbox", daemon=True).start()

    def __iter__(self) -> Iterator[Run]:
        return iter(self._runs.get, None)

    def _read(self) -> None:
        for line in self._source:
            message = to_child.validate_json(line)
            if isinstance(message, Cancel):
                self._cancel(message.run)
            else:
                self.current = message.run.id
                self._runs.put(message)
        self._runs.put(None)

    def _cancel(self, run: UUID) -> None:
        while self.current == run and not private.cancel_current():
            time.sleep(ARM_S)  # the flow is still being loaded


class Answers:
    """To the worker, from any thread: a line is written whole."""

    def __init__(self, target: IO[bytes]) -> None:
        self._target = target

    def tell(self, message: Message) -> None:
        with suppress(BrokenPipeError):  # the worker died; the run goes on
            self._target.write(message.line())


def main() -> None:
    answers = Answers(os.fdopen(os.dup(1), "wb", buffering=0))
    os.dup2(2, 1)
    signal.signal(signal.SIGTERM, _ignore)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the worker decides
    for name in sys.argv[1:]:
        _preload(name)
    pulse = Pulse(answers.tell, WorkerSettings().sign_s)
    mailbox = Mailbox(os.fdopen(os.dup(0), "rb", buffering=0))
    with private.without_watchers():
        _serve(mailbox, answers, pulse)


def _serve(mailbox: Mailbox, answers: Answers, pulse: Pulse) -> None:
    answers.tell(Ready())
    for message in mailbox:
        pulse.begin(message.run)
        about(message.run)
        with _environment(message.env), _temporary(message.temporary):
            how, reason = _run(message, answers)
        pulse.end()
        about(None)
        mailbox.current = None
        signal.signal(signal.SIGTERM, _ignore)  # after a cancel Prefect leaves its own
        ended = Ended(how=how, reason=reason, memory_mb=memory_mb(), counts=counts())
        answers.tell(ended)


def _run(message: Run, answers: Answers) -> tuple[Ending, str]:
    try:
        flow = _flow(message)
    except private.Cancelled:
        return Ending.CANCELLED, ""
    except (Exception, SystemExit) as error:
        return Ending.UNLOADABLE, f"{type(error).__name__}: {error}"
    answers.tell(Loaded(timeout_s=flow.timeout_seconds))
    try:
        with SyncClientContext.get_or_create():
            private.execute(flow, message.run)
    except private.Cancelled:
        return Ending.CANCELLED, ""
    except private.Unreported as error:
        return Ending.UNREPORTED, str(error)
    return Ending.HANDLED, ""


def _flow(message: Run) -> Flow[..., Any]:
    """Loaded once a deployment and version: a flow file is a new module on each load."""
    run = message.run
    if run.deployment_version is None:
        return _load(message)
    key = (run.deployment_id, run.deployment_version)
    if key not in _flows:
        _flows[key] = (_load(message), os.getcwd())
    flow, folder = _flows[key]
    os.chdir(folder)
    return flow


def _load(message: Run) -> Flow[..., Any]:
    """Prefect would copy a local folder of code into the working directory: we go there."""
    if message.code is None:
        return private.load_flow(message.run, pull=True)
    os.chdir(message.code)
    return private.load_flow(message.run, pull=False)


def _preload(name: str) -> None:
    module, _, function = name.partition(":")
    getattr(import_module(module), function)()


@contextmanager
def _environment(changes: dict[str, str | None]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in changes}
    _set_environment(changes)
    try:
        yield
    finally:
        _set_environment(before)


def _set_environment(values: dict[str, str | None]) -> None:
    for name, value in values.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


@contextmanager
def _temporary(folder: str | None) -> Iterator[None]:
    """Temporary files of the run and of what it starts, gone with it."""
    if folder is None:
        yield
        return
    os.makedirs(folder, exist_ok=True)
    tempfile.tempdir = folder
    with _environment({"TMPDIR": folder}):
        yield
    tempfile.tempdir = None
    shutil.rmtree(folder, ignore_errors=True)


def _ignore(*_: object) -> None:
    """A signal that comes between two runs."""


if __name__ == "__main__":
    main()
