"""`avatar up` as real processes: all of it comes, works, and goes."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from tests.stack.processes import VIDEO_S, Stack, eventually, running

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def stack(face_models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with running(tmp_path_factory.mktemp("up")) as stack:
        yield stack


def request(portrait: Path, script: str = "Mama.") -> dict[str, Any]:
    return {
        "request": {
            "portrait": {"image": str(portrait)},
            "speech": {"script": script},
            "look": {"resolution": 256, "fps": "24"},
            "delivery": {"key_prefix": "videos/one"},
        }
    }


def test_every_deployment_is_there_on_its_pool(stack: Stack) -> None:
    found = {
        name: stack.deployment(name)["work_pool_name"]
        for name in (
            "avatar-video/cpu",
            "render-segment/gpu",
            "preflight/cpu",
            "batch-videos/scheduled",
            "expire-uploads/daily",
            "backup-models/daily",
            "optimize-engines/on-demand",
        )
    }
    assert len(found) == len(yaml.safe_load((ROOT / "prefect.yaml").read_text())["deployments"])
    assert {name for name, pool in found.items() if pool == "gpu"} == {
        "render-segment/gpu",
        "optimize-engines/on-demand",
    }


def test_schedules_make_runs_with_their_parameters(stack: Stack) -> None:
    def look() -> list[dict[str, Any]] | None:
        return stack.waiting("expire-uploads/daily") or None

    runs = eventually(look, 60, lambda: "the scheduler made no run")
    assert runs[0]["parameters"] == {"uploads_days": 7, "work_days": 30, "dry_run": False}


def test_a_video_asked_for_through_the_api_is_made(stack: Stack, portrait_file: Path) -> None:
    run = stack.finish("avatar-video/cpu", request(portrait_file))
    assert run["state_type"] == "COMPLETED", run["state"]
    assert (stack.store / "videos" / "one" / "video.mp4").stat().st_size > 1000


def test_the_gateway_makes_a_video_for_callers_of_this_machine(
    stack: Stack, portrait_file: Path
) -> None:
    assert "gateway  ready in" in stack.said()
    assert stack.gateway in stack.said()
    with httpx.Client(base_url=stack.gateway, timeout=30) as client:
        upload = client.post("/v1/uploads", content=portrait_file.read_bytes()).json()["id"]
        asked = {
            "portrait": {"upload": upload},
            "speech": {"type": "script", "script": "Mama."},
            "look": {"resolution": 256, "fps": "24"},
        }
        place = client.post("/v1/videos", json=asked).headers["location"]

        def look() -> dict[str, Any] | None:
            found: dict[str, Any] = client.get(place).json()
            return found if found["status"] not in ("queued", "running") else None

        video = eventually(look, VIDEO_S, stack.said)
        assert video["status"] == "done", video["error"]
        assert httpx.get(video["files"]["video"]).content[4:8] == b"ftyp"


def test_a_service_that_dies_is_started_again_and_it_is_said(stack: Stack) -> None:
    workers = [one for one in stack.processes() if "--pool" in one.cmdline()]
    victim = next(one for one in workers if "gpu" in one.cmdline())
    victim.send_signal(signal.SIGKILL)
    said = stack.until_said("gpu      started again", 30)
    assert "gpu      was ended by SIGKILL: starting again in 1 s" in said


def test_the_end_comes_in_order_and_nothing_is_left(stack: Stack) -> None:
    assert stack.processes()
    assert stack.stop() == 0
    assert stack.processes() == []
    said = stack.said()
    order = [said.index(f"{name:8} finishing") for name in ("gateway", "cpu", "gpu", "server")]
    assert order == sorted(order)
    assert said.rstrip().endswith("all      stopped")


def test_services_end_with_a_supervisor_that_is_killed(tmp_path: Path) -> None:
    """Without its worker's pools: the server alone, as soon as it runs."""
    with running(tmp_path) as stack:
        os.kill(stack.process.pid, signal.SIGKILL)
        stack.process.wait(10)
        eventually(lambda: not stack.processes() or None, 30, lambda: str(stack.processes()))
