"""What an upgrade of Prefect must not change without our noticing."""

import inspect
import re
import signal
from pathlib import Path
from uuid import uuid4

import prefect.engine
from prefect import flow_engine
from prefect._internal import control_listener
from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY
from prefect.states import Suspended
from prefect.utilities import engine
from prefect.workers.base import BaseWorker

from infra.worker import private, worker

ROOT = Path(__file__).resolve().parents[3]


def parameters(function: object) -> set[str]:
    return set(inspect.signature(function).parameters)  # type: ignore[arg-type]


def test_this_is_the_version_that_the_worker_was_written_for() -> None:
    assert prefect.__version__ == "3.8.8"


def test_the_engine_takes_a_flow_a_run_and_a_logger() -> None:
    assert {"flow", "flow_run", "error_logger"} <= parameters(flow_engine.run_flow)
    assert parameters(prefect.engine._drive_run_flow_result) == {"flow", "run_result"}


def test_an_intent_is_kept_until_it_is_cleared() -> None:
    control_listener._set_intent("cancel")
    assert control_listener.get_intent() == "cancel"
    control_listener.clear_intent()
    assert control_listener.get_intent() is None


def test_nothing_is_cancelled_while_no_flow_runs() -> None:
    assert not private.cancel_current()
    assert control_listener.get_intent() is None


def test_a_cancel_inside_the_bridge_interrupts_the_main_thread() -> None:
    before = signal.getsignal(signal.SIGTERM)
    try:
        with engine.capture_sigterm():
            assert private.cancel_current()
            signal.sigtimedwait([], 1)
    except private.Cancelled:
        interrupted = True
    finally:
        control_listener.clear_intent()
        signal.signal(signal.SIGTERM, before)
    assert interrupted


def test_the_engine_opens_a_watch_for_suspension_by_the_name_that_we_replace() -> None:
    made = inspect.getsource(flow_engine.BaseFlowRunEngine.setup_flow_run_suspension_request)
    assert "observe_flow_run_suspension(" in made
    theirs = vars(flow_engine)["observe_flow_run_suspension"]
    assert parameters(theirs) == parameters(private._observe_nothing)


def test_no_watcher_of_a_run_is_left_and_all_come_back() -> None:
    theirs = vars(flow_engine)["observe_flow_run_suspension"]
    with private.without_watchers():
        assert vars(flow_engine)["observe_flow_run_suspension"] is private._observe_nothing
        assert PREFECT_FLOWS_HEARTBEAT_FREQUENCY.value() is None
    assert vars(flow_engine)["observe_flow_run_suspension"] is theirs


def test_a_suspension_that_nobody_waits_for_is_no_error() -> None:
    assert not private.mark_flow_run_suspension_requested(uuid4(), Suspended())


def test_the_health_check_asks_for_the_time_that_we_note() -> None:
    assert "self._last_polled_time" in inspect.getsource(BaseWorker.is_worker_still_polling)


def test_the_worker_has_what_ours_builds_on() -> None:
    assert "self.get_and_submit_flow_runs" in inspect.getsource(BaseWorker.start)
    assert "self.sync_with_backend()" in inspect.getsource(BaseWorker._sync_and_initialize)
    assert {"flow_run", "configuration", "task_status"} <= parameters(BaseWorker.run)


def test_the_worker_touches_nothing_private_of_prefect_s_worker() -> None:
    theirs, ours = inspect.getsource(BaseWorker), inspect.getsource(worker)
    private_names = re.compile(r"self\.(_\w+)")
    assert set(private_names.findall(theirs)).isdisjoint(private_names.findall(ours))


def test_no_other_file_of_the_worker_imports_what_is_private() -> None:
    files = [path for path in (ROOT / "infra").rglob("*.py") if path.name != "private.py"]
    assert files
    assert not [path.name for path in files if "prefect._" in path.read_text()]
