"""What the warm worker needs of Prefect beyond its public interface.

Prefect is pinned exactly because of this module; tests/infra/worker/test_private.py fails loudly
where an upgrade moves or changes one of these.
"""

import asyncio
import signal
import threading
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from datetime import UTC, datetime
from logging import Logger
from typing import Any, Protocol, cast
from uuid import UUID

from prefect import flow_engine
from prefect._flow_run_suspension import mark_flow_run_suspension_requested
from prefect._internal.control_listener import _set_intent, clear_intent
from prefect._internal.observers import FlowRunCancellingObserver
from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.engine import _drive_run_flow_result
from prefect.exceptions import Abort, Pause, TerminationSignal
from prefect.flow_engine import run_flow
from prefect.flows import Flow, load_flow_from_flow_run
from prefect.logging.loggers import flow_run_logger
from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings
from prefect.utilities.asyncutils import run_coro_as_sync
from prefect.utilities.engine import commit_control_intent_and_ack
from prefect.workers.base import BaseWorker

__all__ = ["Cancelled", "mark_flow_run_suspension_requested"]

POLL_S = 2.0  # only while the server's events cannot be heard
UNFINISHED = (StateType.PENDING, StateType.RUNNING, StateType.CANCELLING)

Cancelled = TerminationSignal


class Unreported(Exception):
    """The flow is over and the server does not know how; the text says what is known."""


class OnCancelling(Protocol):
    def __call__(self, flow_run_id: UUID) -> None: ...


def watch_cancelling(on_cancelling: OnCancelling) -> AbstractAsyncContextManager[Any]:
    """Calls back with each run, of those added to it, that somebody cancels."""
    return cast(
        AbstractAsyncContextManager[Any],
        FlowRunCancellingObserver(on_cancelling=on_cancelling, polling_interval=POLL_S),
    )


def note_poll(worker: BaseWorker[Any, Any, Any]) -> None:
    """For Prefect's own health check, which asks when a worker polled last."""
    worker._last_polled_time = cast(Any, datetime.now(UTC))


def load_flow(run: FlowRun, *, pull: bool) -> Flow[..., Any]:
    """By the deployment's entrypoint; with `pull`, after its pull steps or from its storage."""
    return cast(
        Flow[..., Any],
        run_coro_as_sync(
            load_flow_from_flow_run(run, ignore_storage=not pull, use_placeholder_flow=False)
        ),
    )


def execute(flow: Flow[..., Any], run: FlowRun) -> None:
    """Run the flow on this, the main, thread.

    Raises Unreported where the server does not know an end, Cancelled after `cancel_current`.
    """
    try:
        logger = cast(Logger, flow_run_logger(flow_run=run))
        result: object = run_flow(flow, flow_run=run, error_logger=logger, return_type="state")
        state = _drive(flow, result)
    except (Abort, Pause):
        return  # the run is somebody else's, or waits
    except (Exception, SystemExit, KeyboardInterrupt) as error:
        raise Unreported(f"{type(error).__name__}: {error}") from error
    finally:
        clear_intent()
    if isinstance(state, State) and state.type in UNFINISHED:
        raise Unreported(f"the engine left it {state.name}")


def _drive(flow: Flow[..., Any], result: object) -> object:
    """The state at the end, where the flow is no generator."""
    if asyncio.iscoroutine(result):
        return asyncio.run(result)
    _drive_run_flow_result(flow, result)
    return result


def cancel_current() -> bool:
    """Interrupt the flow that the main thread runs; False where none can be interrupted yet."""
    main = threading.main_thread().ident
    return main is not None and commit_control_intent_and_ack(
        commit_intent=lambda: _set_intent("cancel"),
        clear_intent=clear_intent,
        send_ack=lambda: signal.pthread_kill(main, signal.SIGTERM),
    )


@contextmanager
def without_watchers() -> Iterator[None]:
    """Switch off what Prefect starts and joins around each run; see `infra.worker.pulse`.

    The heartbeat's thread holds a process for a second after a run, the one that waits for a
    suspension opens a connection before it.
    """
    engine = cast(Any, flow_engine)
    theirs = engine.observe_flow_run_suspension
    engine.observe_flow_run_suspension = _observe_nothing
    try:
        with temporary_settings({PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}):
            yield
    finally:
        engine.observe_flow_run_suspension = theirs


@contextmanager
def _observe_nothing(
    flow_run_id: UUID, suspension_request: object, polling_interval: float = 0
) -> Iterator[None]:
    yield
