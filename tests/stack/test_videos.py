"""Real videos on warm workers: on the laptop's server and on the fleet's, by the same tests."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.encoded import packets
from tests.orchestra import ROOT
from tests.stack.processes import Stack, running
from tests.stack.servers import split_server

SERVERS = ("sqlite", "postgres and redis")
FLOWS = ("avatar_video", "preflight", "batch_videos")


@pytest.fixture(scope="module", params=SERVERS)
def stack(
    request: pytest.FixtureRequest, face_models: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stack]:
    folder = tmp_path_factory.mktemp("videos")
    if request.param == "sqlite":
        with running(folder) as stack:
            yield stack
    else:
        with split_server(folder) as api, running(folder, api) as stack:
            yield stack


def video(portrait: Path, prefix: str, script: str = "Mama.") -> dict[str, Any]:
    return {
        "request": {
            "portrait": {"image": str(portrait)},
            "speech": {"script": script},
            "look": {"resolution": 256, "fps": "24"},
            "delivery": {"key_prefix": prefix},
        }
    }


def test_a_video_is_made_across_the_pools(stack: Stack, portrait_file: Path) -> None:
    run = stack.finish("avatar-video/cpu", video(portrait_file, "videos/first"))
    assert run["state_type"] == "COMPLETED", run["state"]
    made = {path.name for path in (stack.store / "videos" / "first").iterdir()}
    assert {"video.mp4", "captions.srt", "thumbnail.jpg", "result.json"} <= made
    segments = stack.runs(parent_of=run["id"])
    assert [(one["work_pool_name"], one["state_type"]) for one in segments] == [
        ("gpu", "COMPLETED")
    ]


def test_the_same_request_again_renders_nothing(stack: Stack, portrait_file: Path) -> None:
    stack.finish("avatar-video/cpu", video(portrait_file, "videos/first"))
    again = stack.finish("avatar-video/cpu", video(portrait_file, "videos/again"))
    assert again["state_type"] == "COMPLETED", again["state"]
    assert stack.runs(parent_of=again["id"]) == []
    one, other = (stack.store / "videos" / name / "video.mp4" for name in ("first", "again"))
    assert packets(one) == packets(other)


def test_a_cancelled_video_ends_and_the_next_is_made(stack: Stack, portrait_file: Path) -> None:
    long = "She sells sea shells by the sea shore. " * 40
    run = stack.ask("avatar-video/cpu", video(portrait_file, "videos/long", long))
    stack.until(run, "RUNNING")
    stack.cancel(run)
    assert stack.until(run, "CANCELLED", within_s=20)["state_type"] == "CANCELLED"
    after = stack.finish("avatar-video/cpu", video(portrait_file, "videos/after", "Papa."))
    assert after["state_type"] == "COMPLETED", after["state"]


def test_a_refused_portrait_fails_with_its_reason(stack: Stack, tmp_path: Path) -> None:
    (tmp_path / "text.png").write_text("no picture")
    run = stack.finish("avatar-video/cpu", video(tmp_path / "text.png", "videos/bad"))
    assert run["state_type"] == "FAILED"
    error = json.loads((stack.store / "videos" / "bad" / "error.json").read_text())
    assert error["code"] == "image_unsupported"


def test_a_batch_makes_each_row_once_and_says_what_failed(
    stack: Stack, portrait_file: Path, tmp_path: Path
) -> None:
    (tmp_path / "bad.png").write_text("no picture")
    rows = [("Anna", portrait_file), ("Bob", portrait_file), ("Eve", tmp_path / "bad.png")]
    table = "name,portrait\n" + "".join(f"{name},{path}\n" for name, path in rows)
    manifest = tmp_path / "talks.csv"
    manifest.write_text(table)
    template = {
        "portrait": {"image": "{{portrait}}"},
        "speech": {"script": "Hello {{name}}."},
        "look": {"resolution": 256, "fps": "24"},
    }
    given = {"manifest": str(manifest), "template": template}
    first = stack.finish("batch-videos/scheduled", given)
    assert "1 failed" in first["state"]["message"]
    assert first["state_type"] == "FAILED"
    (report,) = (stack.store / "batches").glob("*/results.json")
    statuses = [row["status"] for row in json.loads(report.read_text())["rows"]]
    assert statuses == ["done", "done", "failed"]
    again = stack.finish("batch-videos/scheduled", given)
    statuses = [row["status"] for row in json.loads(report.read_text())["rows"]]
    assert statuses == ["kept", "kept", "failed"]
    assert len(stack.runs(parent_of=again["id"])) == 1


@pytest.mark.parametrize("stack", SERVERS[1:], indirect=True)
def test_the_flow_s_own_tests_pass_on_the_fleet_s_server_too(stack: Stack) -> None:
    env = os.environ | {"PREFECT_API_URL": stack.api, "AVATAR_TEST_PREFECT": "1"}
    files = [f"tests/flows/test_{name}.py" for name in ("preflight", "batch_videos")]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-n0", "-q", *files],
        env=env,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stdout[-4000:]
    assert "skipped" not in done.stdout
