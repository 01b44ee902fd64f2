"""Debian's Prometheus and Alertmanager with the real rules and routes, quick and on loopback only.

Their files are copies in which nothing but places and durations differs: who is scraped, where
Slack, PagerDuty and Opsgenie listen, and how long an alert and a group of them wait.
"""

import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from tests.api.receiving import Message, Receiver, receiver
from tests.orchestra import eventually, free_port
from tests.stack.servers import serving

MONITORING = Path(__file__).resolve().parents[3] / "infra" / "monitoring"
SECRETS = "/run/secrets/avatar"
TOKEN = "a token that Prometheus shows the gateway"
QUICK = "1s"
START_S, PATIENCE_S = 30.0, 60.0


@pytest.fixture
def listener() -> Iterator[Receiver]:
    program("prometheus")
    with receiver() as made:
        yield made


def address(listener: Receiver) -> str:
    return f"http://{listener.host}:{listener.port}"


def told(listener: Receiver, path: str, is_it: Callable[[str], bool]) -> dict[str, Any]:
    """The first message to the path that is meant."""

    def look() -> Message | None:
        texts = [one for one in list(listener.messages) if one.path.startswith(path)]
        return next((one for one in texts if is_it(one.body.decode())), None)

    found = eventually(look, PATIENCE_S, lambda: [one.body for one in listener.messages])
    return dict(json.loads(found.body))


@contextmanager
def watching(folder: Path, targets: Mapping[str, list[str]], listener: str) -> Iterator[str]:
    """Prometheus' address; `targets` are HOST:PORT by job, `listener` is where alerts go."""
    address = f"127.0.0.1:{free_port()}"
    with alerting(folder, listener) as alertmanager:
        _write(folder, "alerts.yaml", rules())
        _write(folder, "prometheus.yaml", scraping(folder, targets, alertmanager))
        command = (
            program("prometheus"),
            f"--config.file={folder / 'prometheus.yaml'}",
            f"--storage.tsdb.path={folder / 'prometheus'}",
            f"--web.listen-address={address}",
            "--enable-feature=exemplar-storage",  # as Compose has it
        )
        with serving(command, folder / "prometheus.log", None):
            _until_ready(address)
            yield f"http://{address}"


@contextmanager
def alerting(folder: Path, listener: str) -> Iterator[str]:
    """HOST:PORT of an Alertmanager."""
    address = f"127.0.0.1:{free_port()}"
    _write_secrets(folder, listener)
    _write(folder, "alertmanager.yaml", routes(folder, listener))
    command = (
        program("prometheus-alertmanager"),
        f"--config.file={folder / 'alertmanager.yaml'}",
        f"--storage.path={folder / 'alertmanager'}",
        "--cluster.listen-address=",
        f"--web.listen-address={address}",
    )
    with serving(command, folder / "alertmanager.log", None):
        _until_ready(address)
        yield address


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


def scraping(folder: Path, targets: Mapping[str, list[str]], alertmanager: str) -> dict[str, Any]:
    made: dict[str, Any] = yaml.safe_load(_read("prometheus.yaml").replace(SECRETS, str(folder)))
    made["global"] = dict.fromkeys(made["global"], QUICK)
    told = [{"static_configs": [{"targets": [alertmanager]}]}]
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


def _until_ready(address: str) -> None:
    eventually(lambda: httpx.get(f"http://{address}/-/ready").is_success or None, START_S)


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
