"""What AWS's alarms read is what the machines' agent carries there, and that is what we expose."""

import re

from tests.infra.monitoring.test_rules import exposed
from tests.infra.terraform.modules import FOLDER

__all__ = ["exposed"]

RUNBOOKS = FOLDER.parents[1] / "docs" / "runbooks.md"


def text(module: str) -> str:
    return (FOLDER / "modules" / module / "main.tf").read_text(encoding="utf-8")


def carried(names: set[str]) -> set[str]:
    """Of the names those that the agent's declarations select."""
    selectors = re.findall(r'metric_selectors = \["(\S+)"\]', text("start"))
    assert len(selectors) == 4
    return {name for name in names if any(re.search(one, name) for one in selectors)}


def test_alarms_read_what_the_agent_carries(exposed: set[str]) -> None:
    read = set(
        re.findall(r'metric(?:_name)?\s*=\s*"(avatar_\w+)"', text("alarms") + text("workers"))
    )
    assert len(read) == 5
    assert read <= carried(exposed)


def test_the_agent_asks_for_nothing_that_is_not_there(exposed: set[str]) -> None:
    selected = re.findall(r'"\^(avatar_[a-z]+_)\(?([\w|]+?)\)?\$"', text("start"))
    assert len(selected) == 4
    for prefix, rest in selected:
        assert {prefix + name for name in rest.split("|")} <= exposed


def test_every_alarm_leads_to_its_runbook() -> None:
    chapters = re.findall(r"^##+ (\w+)$", RUNBOOKS.read_text(encoding="utf-8"), re.MULTILINE)
    named = re.findall(r'runbook = "(\w+)"', text("alarms"))
    assert len(named) == 10
    assert set(named) <= {chapter.lower() for chapter in chapters}
