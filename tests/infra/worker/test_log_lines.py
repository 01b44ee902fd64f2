"""A worker that logs as it does in an image: one JSON object a line, with the ids that lead on."""

import json
import signal
from pathlib import Path
from typing import Any

from models.journal import REQUEST, VIDEO
from tests.infra.worker.conftest import Stage, eventually, free_port, start_worker

TAGS = (f"{VIDEO}vid_1", f"{REQUEST}req_1", "caller:anna")


def test_every_line_of_a_run_names_video_request_owner_and_run(
    stage: Stage, tmp_path: Path
) -> None:
    log = tmp_path / "worker.log"
    worker = start_worker(free_port(), log)
    try:
        run, _ = stage.ask("nothing", *TAGS)
        stage.until(run, "Completed", within_s=40)
        raised, _ = stage.ask("raise")
        stage.until(raised, "Failed", within_s=40)
        eventually(lambda: "on purpose" in log.read_text() or None, 10)
    finally:
        worker.send_signal(signal.SIGTERM)
        worker.wait(30)
    lines: list[dict[str, Any]] = [json.loads(line) for line in log.read_text().splitlines()]
    said = {line["message"]: line for line in lines if line.get("run") == str(run)}
    ids = {"video": "vid_1", "request_id": "req_1", "owner": "anna", "run": str(run)}
    for message in ("a word from the child", "a word from below", "from a thread"):
        assert said[message].items() >= ids.items(), message
    assert any("Runs in process" in message for message in said)  # the worker's own
    (failure,) = (line for line in lines if "on purpose" in line.get("error", ""))
    assert failure["run"] == str(raised)
    assert "video" not in failure
