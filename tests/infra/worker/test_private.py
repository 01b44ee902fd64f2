"""What an upgrade of Prefect must not change without our noticing."""

import inspect
import signal
from pathlib import Path

import prefect.engine
from prefect import flow_engine
from prefect._internal import control_listener
from prefect.utilities import engine
from prefect.workers.base import BaseWorker

from infra.worker import private

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


def test_the_worker_has_what_ours_builds_on() -> None:
    made = inspect.getsource(BaseWorker)
    for name in ("_exit_stack", "_runs_task_group", "_submitting_flow_run_ids", "_work_pool"):
        assert f"self.{name}" in made
    assert {"flow_run", "configuration", "task_status"} <= parameters(BaseWorker.run)


def test_no_other_file_of_the_worker_imports_what_is_private() -> None:
    files = [path for path in (ROOT / "infra").rglob("*.py") if path.name != "private.py"]
    assert files
    assert not [path.name for path in files if "prefect._" in path.read_text()]
