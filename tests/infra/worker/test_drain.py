"""Stopping a worker, which serves its pool alone."""

import signal

from tests.infra.worker.conftest import Stage, free_port, start_worker


def test_a_stop_finishes_the_run_and_takes_no_more(stage: Stage) -> None:
    worker = start_worker(free_port())
    try:
        run, _ = stage.ask("sleep 3")
        stage.until(run, "Running")
        worker.send_signal(signal.SIGTERM)
        waiting, _ = stage.ask("nothing")
        assert worker.wait(20) == 0
        assert stage.until(run, "Completed", within_s=1)
        assert stage.until(waiting, "Scheduled", within_s=1)
    finally:
        worker.kill()
