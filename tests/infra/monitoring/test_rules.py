"""Alerts and dashboards: each is tested, tells what to do, and reads what really is exposed."""

import re
import shutil
import subprocess
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from api.metrics import Metrics
from infra.automations import ALERTS as AUTOMATIONS
from infra.autoscaler.exporter import Exporter
from infra.autoscaler.rules import Decision, State
from infra.monitoring.dashboards import DASHBOARDS, FOLDER, dashboard, text
from infra.worker.metrics import text as worker_text
from infra.worker.worker import WarmProcessWorker
from models.tally import DONE, looked_up, rendered
from tests.infra.worker.nvml_here import cards

ROOT = Path(__file__).resolve().parents[3]
MONITORING = ROOT / "infra" / "monitoring"
RULES: list[dict[str, Any]] = [
    rule
    for group in yaml.safe_load((MONITORING / "alerts.yaml").read_text("utf-8"))["groups"]
    for rule in group["rules"]
]
ALERTS = {rule["alert"]: rule for rule in RULES if "alert" in rule}
EXPRESSIONS = [rule["expr"] for rule in RULES] + [
    panel.expr for panels in DASHBOARDS.values() for panel in panels
]
OTHERS = {"up", "ALERTS", "probe_ssl_earliest_cert_expiry"}  # Prometheus', the blackbox exporter's


def tool(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"needs Debian's prometheus and prometheus-alertmanager: {name} is missing")
    return found


def run(*command: str) -> str:
    done = subprocess.run(command, cwd=MONITORING, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def exposed(tmp_path: Path) -> set[str]:
    """Names that a gateway, a worker with cards and the exporter show, from their own code."""
    with Exporter("gpu", ("127.0.0.1", 0)) as exporter:
        exporter.seen(State(waiting=1, busy=1, workers=1), Decision(1, "as it is"))
        queue = exporter.answer("/metrics")[2].decode()
    measured = WarmProcessWorker(work_pool_name="gpu").measure()
    rendered("mesh", "cpu", frames=250, seconds=2.0)
    looked_up("segment", found=1, missing=1)
    worker = worker_text(measured | DONE.take()) + cards(tmp_path)
    gateway = Metrics().text()[0].decode()
    types = re.findall(r"# TYPE (\S+) (\S+)", queue + worker + gateway)
    names = {name for name, _ in types}
    for name, kind in types:
        if kind == "histogram":
            names |= {f"{name}_bucket", f"{name}_count", f"{name}_sum"}
    return names


def test_what_is_read_is_exposed(exposed: set[str]) -> None:
    recorded = {rule["record"] for rule in RULES if "record" in rule}
    read = {
        name
        for expr in EXPRESSIONS
        for name in re.findall(r"\b(?:avatar[\w:]+|probe_\w+|up)\b", expr)
    }
    assert len(read) > 20
    assert read - OTHERS - recorded <= exposed


def test_every_alert_leads_to_its_runbook() -> None:
    headings = re.findall(r"^## (\w+)$", (ROOT / "docs" / "runbooks.md").read_text("utf-8"), re.M)
    assert set(headings) == {*ALERTS, *AUTOMATIONS.values()}
    for name, rule in ALERTS.items():
        assert rule["annotations"]["runbook_url"] == f"docs/runbooks.md#{name.lower()}"
        assert rule["labels"]["severity"] in ("page", "warning")


def test_every_alert_fires_and_stays_quiet() -> None:
    tests = yaml.safe_load((MONITORING / "alerts.test.yaml").read_text("utf-8"))["tests"]
    fires, quiet = (test["promql_expr_test"][0]["exp_samples"] for test in tests)
    assert {re.findall(r'alertname="(\w+)"', one["labels"])[0] for one in fires} == set(ALERTS)
    assert quiet == []
    run(tool("promtool"), "test", "rules", "alerts.test.yaml")


def test_prometheus_reads_its_configuration() -> None:
    run(tool("promtool"), "check", "config", "--syntax-only", "prometheus.yaml")
    run(tool("promtool"), "check", "rules", "alerts.yaml")


@pytest.mark.parametrize(("severity", "receiver"), [("page", "on-call"), ("warning", "slack")])
def test_an_alert_reaches_who_must_know(severity: str, receiver: str) -> None:
    amtool = tool("amtool")
    run(amtool, "check-config", "alertmanager.yaml")
    labels = (f"severity={severity}", "alertname=QueueLong")
    routed = run(amtool, "config", "routes", "test", "--config.file=alertmanager.yaml", *labels)
    assert routed.strip() == receiver


def test_no_secret_stands_in_the_routes() -> None:
    text = (MONITORING / "alertmanager.yaml").read_text("utf-8")
    assert re.findall(r"(?:api_url|routing_key|api_key):", text) == []


@pytest.mark.parametrize("name", DASHBOARDS)
def test_a_dashboard_is_as_the_code_has_it(name: str) -> None:
    assert (FOLDER / f"{name}.json").read_text("utf-8") == text(name)
    panels = dashboard(name)["panels"]
    places = {(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in panels}
    assert len(places) == len(panels)


def test_every_panel_is_an_expression(tmp_path: Path) -> None:
    rules = [{"record": f"panel:{number}", "expr": expr} for number, expr in enumerate(EXPRESSIONS)]
    file = tmp_path / "panels.yaml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}), "utf-8")
    run(tool("promtool"), "check", "rules", str(file))


def test_a_backup_that_never_was_counts_as_missing() -> None:
    with Exporter("gpu", ("127.0.0.1", 0)) as exporter:
        exporter.backed_up(datetime(2026, 1, 1).timestamp())
        told = exporter.answer("/metrics")[2].decode()
    assert "avatar_pool_last_backup_timestamp_seconds 1.76" in told
