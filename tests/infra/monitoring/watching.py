"""Debian's Prometheus and Alertmanager with the real rules and routes, quick and on loopback only.

Their files are copies in which nothing but places and durations differs: who is scraped, where
Slack, PagerDuty and Opsgenie listen, and how long an alert and a group of them wait.
"""

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from tests.orchestra import eventually, free_port
from tests.stack.servers import serving

MONITORING = Path(__file__).resolve().parents[3] / "infra" / "monitoring"
SECRETS = "/run/secrets/avatar"
TOKEN = "a token that Prometheus shows the gateway"
QUICK = "1s"
START_S = 30.0


@contextmanager
def watching(folder: Path, targets: Mapping[str, list[str]], listener: str) -> Iterator[str]:
    """Prometheus' address; `targets` are HOST:PORT by job, `listener` is where alerts go."""
    alertmanager, prometheus = free_port(), free_port()
    _write_secrets(folder, listener)
    _write(folder, "alertmanager.yaml", routes(folder, listener))
    _write(folder, "alerts.yaml", rules())
    _write(folder, "prometheus.yaml", scraping(folder, targets, alertmanager))
    commands = {
        alertmanager: (
            program("prometheus-alertmanager"),
            f"--config.file={folder / 'alertmanager.yaml'}",
            f"--storage.path={folder / 'alertmanager'}",
            "--cluster.listen-address=",
            f"--web.listen-address=127.0.0.1:{alertmanager}",
        ),
        prometheus: (
            program("prometheus"),
            f"--config.file={folder / 'prometheus.yaml'}",
            f"--storage.tsdb.path={folder / 'prometheus'}",
            f"--web.listen-address=127.0.0.1:{prometheus}",
        ),
    }
    with (
        serving(commands[alertmanager], folder / "alertmanager.log", None),
        serving(commands[prometheus], folder / "prometheus.log", None),
    ):
        for port in commands:
            ready = f"http://127.0.0.1:{port}/-/ready"
            eventually(lambda ready=ready: httpx.get(ready).is_success or None, START_S)  # type: ignore[misc]
        yield f"http://127.0.0.1:{prometheus}"


def routes(folder: Path, listener: str) -> dict[str, Any]:
    """Slack's address is a secret, those of the others are settings of Alertmanager's own."""
    made: dict[str, Any] = yaml.safe_load(_read("alertmanager.yaml").replace(SECRETS, str(folder)))
    made["route"] |= {"group_wait": QUICK, "group_interval": QUICK}
    made["global"] = {
        "pagerduty_url": f"{listener}/pagerduty",
        "opsgenie_api_url": f"{listener}/opsgenie/",
    }
    return made


def rules() -> dict[str, Any]:
    made: dict[str, Any] = yaml.safe_load(_read("alerts.yaml"))
    for rule in (rule for group in made["groups"] for rule in group["rules"]):
        if "for" in rule:
            rule["for"] = QUICK
    return made


def scraping(folder: Path, targets: Mapping[str, list[str]], alertmanager: int) -> dict[str, Any]:
    made: dict[str, Any] = yaml.safe_load(_read("prometheus.yaml").replace(SECRETS, str(folder)))
    made["global"] = dict.fromkeys(made["global"], QUICK)
    told = [{"static_configs": [{"targets": [f"127.0.0.1:{alertmanager}"]}]}]
    made["alerting"]["alertmanagers"] = told
    for job in made["scrape_configs"]:
        job.pop("dns_sd_configs", None)
        job["static_configs"] = [{"targets": targets.get(job["job_name"], [])}]
    return made


def program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"needs Debian's prometheus and prometheus-alertmanager: {name} is missing")
    return found


def _write_secrets(folder: Path, listener: str) -> None:
    secrets = {
        "slack-url": f"{listener}/slack",
        "pagerduty-key": "a key of PagerDuty",
        "opsgenie-key": "a key of Opsgenie",
        "metrics-token": TOKEN,
    }
    for name, secret in secrets.items():
        (folder / name).write_text(secret, encoding="utf-8")


def _write(folder: Path, name: str, content: dict[str, Any]) -> None:
    (folder / name).write_text(yaml.safe_dump(content), encoding="utf-8")


def _read(name: str) -> str:
    return (MONITORING / name).read_text(encoding="utf-8")
