"""The script that a machine starts by, run for real but for AWS, Docker and systemd."""

import json
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml

from tests.infra.terraform.modules import FOLDER

SCRIPT = FOLDER / "modules" / "start" / "start.sh"
COMPONENT = FOLDER / "modules" / "images" / "component.yaml"
SECRET = {"DATABASE_URL": "postgresql://u:p@h/d?a=b", "AVATAR_METRICS_TOKEN": "t0ken", "A": "x y"}
MACHINE = {
    "secret": "arn:aws:secretsmanager:eu-west-1:1:secret:s",
    "log_group": "/avatar/prefect",
    "services": {
        "prefect": {"image": "r.example/a:1", "options": "-p 4200:4200", "command": "prefect it"},
        "queue-gpu": {"image": "r.example/a:1", "options": "", "command": 'sh -c "a && b"'},
    },
    "scrape": "scrape_configs: []\n",
    "agent": json.dumps({"agent": {}}),
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A machine's root, and what stands for the three in it; each call is a line of `calls`."""
    if shutil.which("jq") is None:
        pytest.skip("needs Debian's jq")
    programs = tmp_path / "bin"
    agent = tmp_path / "opt/aws/amazon-cloudwatch-agent/bin"
    for folder in (programs, agent, tmp_path / "etc/systemd/system"):
        folder.mkdir(parents=True)
    answers = {"aws": f"cat <<'END'\n{json.dumps(SECRET)}\nEND", "docker": "cat >/dev/null"}
    for place, name in (
        (programs, "aws"),
        (programs, "docker"),
        (programs, "systemctl"),
        (agent, "amazon-cloudwatch-agent-ctl"),
    ):
        call = f'echo "{name} $*" >>{tmp_path}/calls'
        (place / name).write_text(f"#!/bin/bash\n{call}\n{answers.get(name, '')}\n")
        (place / name).chmod(0o755)
    return tmp_path


def start(root: Path, machine: Mapping[str, object]) -> list[str]:
    """What was called."""
    subprocess.run(
        ["bash", SCRIPT],
        env={
            "PATH": f"{root}/bin:/usr/bin:/bin",
            "AVATAR_ROOT": str(root),
            "AVATAR_MACHINE": json.dumps(machine),
        },
        check=True,
        capture_output=True,
        text=True,
    )
    return (root / "calls").read_text(encoding="utf-8").splitlines()


def test_the_environment_comes_out_of_the_secret_for_nobody_else_to_read(root: Path) -> None:
    start(root, MACHINE)
    file = root / "etc/avatar/env"
    assert dict(line.split("=", 1) for line in file.read_text().splitlines()) == SECRET
    assert file.stat().st_mode & 0o077 == 0
    assert (root / "etc/avatar/metrics-token").read_text() == "t0ken\n"


def test_each_container_is_a_unit_that_logs_to_its_group(root: Path) -> None:
    calls = start(root, MACHINE)
    unit = (root / "etc/systemd/system/avatar-queue-gpu.service").read_text()
    assert re.search(
        r'^ExecStart=/usr/bin/docker run .* r\.example/a:1 sh -c "a && b"$', unit, re.M
    )
    assert "--log-driver awslogs --log-opt awslogs-group=/avatar/prefect" in unit
    assert "--read-only" in unit
    assert "--cap-drop ALL" in unit
    enabled = [call for call in calls if call.startswith("systemctl enable")]
    assert enabled == [f"systemctl enable --now avatar-{n}.service" for n in MACHINE["services"]]
    assert calls.count("docker login --username AWS --password-stdin r.example") == 1


def test_the_agent_reads_what_terraform_wrote(root: Path) -> None:
    calls = start(root, MACHINE)
    assert json.loads((root / "etc/avatar/agent.json").read_text()) == {"agent": {}}
    assert yaml.safe_load((root / "etc/avatar/prometheus.yaml").read_text()) == {
        "scrape_configs": []
    }
    assert (
        "amazon-cloudwatch-agent-ctl -a fetch-config -m ec2 -s -c file:/etc/avatar/agent.json"
        in (calls)
    )


def test_a_stop_waits_longer_than_a_worker_drains(root: Path) -> None:
    start(root, MACHINE)
    unit = (root / "etc/systemd/system/avatar-prefect.service").read_text()
    stop, systemd = (
        int(found[1])
        for found in (re.search(r"--time (\d+)", unit), re.search(r"TimeoutStopSec=(\d+)", unit))
        if found
    )
    assert 300 < stop < systemd  # AVATAR_WORKER_DRAIN_S


def test_shellcheck_finds_nothing(tmp_path: Path) -> None:
    if shutil.which("shellcheck") is None:
        pytest.skip("needs Debian's shellcheck")
    text = re.sub(r"%\{.*?~\}\n", "", COMPONENT.read_text(encoding="utf-8"))
    text = re.sub(r"\$\{.*?\}", "value", text)
    scripts = [SCRIPT]
    for number, (phase, step, command) in enumerate(_commands(yaml.safe_load(text))):
        file = tmp_path / f"{number}-{phase}-{step}.sh"
        file.write_text(f"#!/bin/bash\n{command}")
        scripts.append(file)
    assert len(scripts) == 4
    done = subprocess.run(["shellcheck", *scripts], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def _commands(component: dict[str, list[dict[str, object]]]) -> list[tuple[str, str, str]]:
    """By EC2 Image Builder's own schema: phases of steps, each of one action."""
    assert {"name", "schemaVersion", "phases"} <= component.keys()
    found = []
    for phase in component["phases"]:
        assert phase["name"] in ("build", "validate", "test")
        steps = phase["steps"]
        assert isinstance(steps, list)
        for step in steps:
            assert step["action"] == "ExecuteBash"
            found += [(phase["name"], step["name"], text) for text in step["inputs"]["commands"]]
    return found
