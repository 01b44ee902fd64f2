"""What the warm worker needs of Prefect beyond its public interface.

Prefect is pinned exactly because of this module; tests/infra/worker/test_private.py fails loudly
where an upgrade moves or changes one of these.
"""

import signal
import threading
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from logging import Logger
from typing import Any, Protocol, cast
from uuid import UUID

from prefect._internal.control_listener import _set_intent, clear_intent
from prefect._internal.observers import FlowRunCancellingObserver
from prefect.client.schemas.objects import FlowRun
from prefect.engine import _drive_run_flow_result
from prefect.exceptions import Abort, Pause, TerminationSignal
from prefect.flow_engine import load_flow, load_flow_run, run_flow
from prefect.flows import Flow
from prefect.logging.loggers import flow_run_logger
from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings
from prefect.utilities.engine import commit_control_intent_and_ack

__all__ = ["Cancelled", "load_flow", "load_flow_run"]

POLL_S = 2.0  # only while the server's events cannot be heard

Cancelled = TerminationSignal


class OnCancelling(Protocol):
    def __call__(self, flow_run_id: UUID) -> None: ...


def watch_cancelling(on_cancelling: OnCancelling) -> AbstractAsyncContextManager[Any]:
    """Calls back with each run, of those added to it, that somebody cancels."""
    return cast(
        AbstractAsyncContextManager[Any],
        FlowRunCancellingObserver(on_cancelling=on_cancelling, polling_interval=POLL_S),
    )


def execute(flow: Flow[..., Any], run: FlowRun) -> None:
    """Run the flow on this, the main, thread; what it raises is the run's state already.

    Raises Cancelled after `cancel_current`.
    """
    try:
        logger = cast(Logger, flow_run_logger(flow_run=run))
        result = run_flow(flow, flow_run=run, error_logger=logger)
        _drive_run_flow_result(flow, result)
    except (Abort, Pause):
        return
    except Exception:  # the engine has told the server: Failed
        return
    finally:
        clear_intent()


def cancel_current() -> bool:
    """Interrupt the flow that the main thread runs; False where none can be interrupted yet."""
    main = threading.main_thread().ident
    return main is not None and commit_control_intent_and_ack(
        commit_intent=lambda: _set_intent("cancel"),
        clear_intent=clear_intent,
        send_ack=lambda: signal.pthread_kill(main, signal.SIGTERM),
    )


@contextmanager
def without_heartbeat() -> Iterator[None]:
    """Joining the thread that sends it holds a process a second after each run."""
    with temporary_settings({PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}):
        yield
