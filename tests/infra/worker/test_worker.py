"""The worker, its children and the server as real processes."""

import time
import urllib.request

from prefect.client.schemas.filters import LogFilter, LogFilterFlowRunId
from prefect.client.schemas.objects import StateType
from prefect.states import Cancelling

from tests.infra.worker.conftest import Stage, eventually, pids


def names(stage: Stage, run: object) -> list[str]:
    states = stage.client.read_flow_run_states(run)  # type: ignore[arg-type]
    return [str(state.name) for state in states]


def test_two_runs_share_one_process(stage: Stage, port: int) -> None:
    first, (one,) = stage.finish("nothing")
    second, (other,) = stage.finish("nothing")
    assert [run.state_type for run in (first, second)] == [StateType.COMPLETED] * 2
    assert one == other


def test_an_exception_fails_the_run_and_leaves_the_process(stage: Stage, port: int) -> None:
    failed, (pid,) = stage.finish("raise")
    assert failed.state is not None
    assert failed.state.is_failed()
    assert "on purpose" in str(failed.state.message)
    assert stage.finish("nothing")[1] == [pid]


def test_a_cancelled_run_stops_and_leaves_its_process_warm(stage: Stage, port: int) -> None:
    run, seen = stage.ask("sleep 60")
    stage.until(run, "Running")
    eventually(lambda: (seen / "pids").exists() or None, 10)
    asked = time.monotonic()
    stage.client.set_flow_run_state(run, Cancelling())
    stage.until(run, "Cancelled", within_s=10)
    assert time.monotonic() - asked < 5
    assert stage.finish("nothing")[1] == pids(seen)


def test_native_code_is_cancelled_by_a_kill(stage: Stage, port: int) -> None:
    run, seen = stage.ask("native")
    eventually(lambda: (seen / "pids").exists() or None, 20)
    stage.client.set_flow_run_state(run, Cancelling())
    stage.until(run, "Cancelled", within_s=15)
    assert stage.finish("nothing")[1] != pids(seen)


def test_a_run_whose_process_dies_crashes_and_is_tried_once_more(stage: Stage, port: int) -> None:
    run, seen = stage.ask("die-once")
    stage.until(run, "Completed", within_s=40)
    assert names(stage, run).count("Crashed") == names(stage, run).count("Requeued") == 1
    first, second = pids(seen)
    assert first != second


def test_what_a_flow_logs_reaches_the_server(stage: Stage, port: int) -> None:
    run, _ = stage.finish("nothing")
    only = LogFilter(flow_run_id=LogFilterFlowRunId(any_=[run.id]))

    def said() -> bool | None:
        logs = stage.client.read_logs(only, limit=100, offset=0)
        return any(log.message == "a word from the child" for log in logs) or None

    assert eventually(said, 10)


def told(port: int, path: str = "metrics") -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/{path}") as page:
        return str(page.read().decode())


def test_the_port_tells_counts_and_health(stage: Stage, port: int) -> None:
    stage.finish("nothing")
    text = told(port)
    assert "avatar_worker_slots 1\n" in text
    assert "avatar_worker_children 1\n" in text
    assert told(port, "healthz") == "ok\n"


def test_the_port_tells_what_children_did_and_keeps_it_when_one_dies(
    stage: Stage, port: int
) -> None:
    line = 'avatar_worker_frames_total{device="cpu",engine="eager",renderer="mesh"} '
    stage.finish("count")
    eventually(lambda: f"{line}250\n" in told(port) or None, 10)
    run, _ = stage.ask("die-once")
    stage.until(run, "Completed", within_s=40)
    stage.finish("count")
    eventually(lambda: f"{line}500\n" in told(port) or None, 10)
    assert told(port).count("# TYPE avatar_worker_frames_total counter\n") == 1
