"""Prefect's own server, its automations, Alertmanager and its routes, up to Slack's address."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.client.schemas.objects import State, StateType
from prefect.events.schemas.automations import AutomationCore
from prefect.states import Crashed, Pending, Running

from infra.automations import ALERTS, CRASHED, make
from tests.api.receiving import Receiver
from tests.infra.monitoring.watching import address, alerting, listener, told
from tests.orchestra import server_in

__all__ = ["listener"]

RUNBOOKS = Path(__file__).resolve().parents[2] / "docs" / "runbooks.md"
SOON = timedelta(seconds=10)  # the shortest that Prefect takes
LATE: State[None] = State(type=StateType.SCHEDULED, name="Late")


@contextmanager
def told_by_prefect(folder: Path, slack: Receiver) -> Iterator[SyncPrefectClient]:
    with (
        server_in(folder / "prefect") as server,
        server.client() as client,
        alerting(folder, address(slack)) as alertmanager,
    ):
        for _ in range(2):  # as each deployment does
            make(client, f"http://{alertmanager}/", SOON)
        yield client


def run(
    client: SyncPrefectClient, name: str, *states: State[None], tag: str = "avatar", pool: str = "p"
) -> UUID:
    flow = client.create_flow_from_name("avatar-video")
    client.create_work_pool(WorkPoolCreate(name=pool, type="process"), overwrite=True)
    deployment = client.create_deployment(flow, f"{pool}-{tag}", tags=[tag], work_pool_name=pool)
    made = client.create_flow_run_from_deployment(deployment, name=name)
    for state in states:
        client.set_flow_run_state(made.id, state, force=True)
    return made.id


def names(client: SyncPrefectClient) -> list[str]:
    return sorted(each.name for each in client.read_automations())


def triggers(client: SyncPrefectClient) -> set[str]:
    """Their ids: Prefect makes a new one with each update, and forgets how long it has waited."""
    answer = client.request("POST", "/automations/filter", json={})
    return {each["trigger"]["id"] for each in answer.json()}


def test_a_crashed_run_is_told_with_its_reason(listener: Receiver, tmp_path: Path) -> None:
    reason = 'its process was ended by "SIGKILL"'
    with told_by_prefect(tmp_path, listener) as client:
        run(client, "somebody-elses", Running(), Crashed(message="not ours"), tag="other")
        run(client, "brave-lynx", Running(), Crashed(message=reason))
        slack = told(listener, "/slack", lambda text: "RunCrashed" in text)
        assert names(client) == sorted(ALERTS)
        make(client, "")
        assert names(client) == []
    (attachment,) = slack["attachments"]
    assert f"the run brave-lynx of avatar-video crashed: {reason}" in attachment["text"]
    assert "docs/runbooks.md#runcrashed" in attachment["text"]
    assert not [one for one in listener.messages if "somebody-elses" in one.body.decode()]


def test_a_pool_in_which_no_late_run_begins_is_told_and_a_busy_one_is_not(
    listener: Receiver, tmp_path: Path
) -> None:
    with told_by_prefect(tmp_path, listener) as client:
        for name in ("first", "second"):
            run(client, name, LATE, pool="busy")
        run(client, "taken", LATE, Pending(), pool="busy")
        run(client, "forgotten", LATE, pool="empty")
        slack = told(listener, "/slack", lambda text: "RunsLate" in text)
    (attachment,) = slack["attachments"]
    assert (
        "runs are late in the pool empty: for 0.166667 minutes none has begun"
        in (attachment["text"])
    )
    assert not [one for one in listener.messages if "pool busy" in one.body.decode()]


def test_what_is_as_it_should_be_goes_on_waiting_and_a_second_one_is_dropped(
    tmp_path: Path,
) -> None:
    with server_in(tmp_path / "prefect") as server, server.client() as client:
        make(client, "http://127.0.0.1:9093")
        before = triggers(client)
        said = make(client, "http://127.0.0.1:9093/")
        assert [line.rpartition(": ")[2] for line in said] == ["is there", "is there"]
        assert triggers(client) == before
        (crashed,) = client.read_automations_by_name(CRASHED)
        client.create_automation(AutomationCore.model_validate(crashed.model_dump()))
        said = make(client, "http://127.0.0.1:9093", SOON)
        assert [line.rpartition(": ")[2] for line in said] == ["is there", "brought up to date"]
        assert names(client) == sorted(ALERTS)


@pytest.mark.parametrize("alert", ALERTS.values())
def test_what_is_told_leads_to_its_runbook(alert: str) -> None:
    assert f"\n## {alert}\n" in RUNBOOKS.read_text(encoding="utf-8")
