"""What each way of deploying does to Prefect before anything else, and in the same order."""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from tests.orchestra import server_in

INFRA = Path(__file__).resolve().parents[2] / "infra"
STEPS = "python -m infra.pools && python -m infra.automations && prefect --no-prompt deploy --all"

SAID = {
    "infra.pools": "pool cpu: made",
    "infra.automations": "automation avatar-run-late: not wanted",
    "infra.results": "PREFECT_DEFAULT_RESULT_STORAGE_BLOCK=s3-bucket/avatar-results\n",
}


def of_compose() -> str:
    compose = yaml.safe_load((INFRA / "docker/compose.yaml").read_text(encoding="utf-8"))
    shell, _, command = compose["services"]["set-up"]["command"]
    assert shell == "sh"
    return str(command)


def of_kubernetes() -> str:
    job = yaml.safe_load((INFRA / "kubernetes/base/set-up.yaml").read_text(encoding="utf-8"))
    (container,) = job["spec"]["template"]["spec"]["containers"]
    shell, _, command = container["command"]
    assert shell == "sh"
    return str(command)


def of_terraform() -> str:
    workers = (INFRA / "terraform/modules/workers/main.tf").read_text(encoding="utf-8")
    (command,) = re.findall(r'"sh -c \\"(.+) && exec \$\{local\.worker\}\\""', workers)
    return str(command)


@pytest.mark.parametrize("way", [of_compose, of_kubernetes, of_terraform])
def test_every_way_of_deploying_takes_the_same_steps(way: Callable[[], str]) -> None:
    assert way() == STEPS


def python(step: str, url: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", step],
        env=os.environ
        | {"PREFECT_API_URL": url, "PREFECT_CLIENT_MAX_RETRIES": "0", "AVATAR_STORE": "s3://b/p"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_step_says_what_it_did(tmp_path: Path) -> None:
    with server_in(tmp_path / "prefect") as server:
        for step, said in SAID.items():
            done = python(step, f"http://127.0.0.1:{server.port}/api")
            assert done.returncode == 0, done.stderr
            assert said in done.stdout
            assert "HTTP Request" not in done.stdout + done.stderr


@pytest.mark.parametrize("step", SAID)
@pytest.mark.parametrize(
    ("url", "reason"),
    [("http://127.0.0.1:9/api", "does not answer"), ("", "PREFECT_API_URL is not set")],
)
def test_without_a_server_a_step_says_what_to_start(step: str, url: str, reason: str) -> None:
    done = python(step, url)
    assert done.returncode == 1
    assert reason in done.stderr
    assert "Traceback" not in done.stderr
