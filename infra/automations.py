"""`python -m infra.automations` has Prefect tell Alertmanager of crashed and of late runs.

Prometheus counts; which run it was, only Prefect knows. Its automations post alerts in
Alertmanager's own form, so that they take the routes of all others. Without an address nothing is
told, and what was made before goes.

In a queue each run is late, as Prefect calls it, until its turn comes. So a pool is told of, not a
run: runs are late in it, and for long none has begun.
"""

from collections.abc import Mapping
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

from prefect.blocks.webhook import Webhook
from prefect.client.orchestration import SyncPrefectClient
from prefect.events.actions import CallWebhook
from prefect.events.schemas.automations import AutomationCore, EventTrigger, Posture
from prefect.types import SecretDict
from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from infra.set_up import run

BLOCK = "avatar-alertmanager"
CRASHED, LATE = "avatar-run-crashed", "avatar-run-late"
ALERTS = {CRASHED: "RunCrashed", LATE: "RunsLate"}  # as in docs/runbooks.md
OURS = {"prefect.resource.role": "tag", "prefect.resource.id": "prefect.tag.avatar"}
BEGUN = ("Pending", "Running", "Completed", "Failed", "Crashed", "Cancelling", "Cancelled")
LATE_AFTER = timedelta(minutes=30)
POOL = 'event.resource_in_role["work-pool"].name'


class AutomationSettings(BaseSettings):
    """AVATAR_ALERTMANAGER in the environment."""

    model_config = SettingsConfigDict(env_prefix="AVATAR_", frozen=True)

    alertmanager: str = Field(
        default="", description="Alertmanager's address, http://HOST:9093, for crashed, late runs."
    )


def wanted(block: UUID, late_after: timedelta = LATE_AFTER) -> list[AutomationCore]:
    """`block` is the webhook; `late_after` is how long no run of a pool has begun."""
    runs: dict[str, Any] = {
        "match": {"prefect.resource.id": "prefect.flow-run.*"},
        "match_related": OURS,
        "threshold": 1,
    }
    crashed = EventTrigger(
        posture=Posture.Reactive,
        expect={"prefect.flow-run.Crashed"},
        within=timedelta(0),
        for_each={"prefect.resource.id"},
        **runs,
    )
    late = EventTrigger(
        posture=Posture.Proactive,
        after={"prefect.flow-run.Late"},
        expect={f"prefect.flow-run.{state}" for state in BEGUN},
        within=late_after,
        for_each={"related:work-pool:prefect.resource.id"},
        **runs,
    )
    minutes = f"{late_after.total_seconds() / 60:g} minutes"
    one = "the run {{ flow_run.name }} of {{ flow.name }} crashed: {{ flow_run.state.message }}"
    none = f"runs are late in the pool {{{{ {POOL} }}}}: for {minutes} none has begun"
    return [
        _automation(CRASHED, crashed, block, alert(CRASHED, one, {"run": "flow_run.id"})),
        _automation(LATE, late, block, alert(LATE, none, {"pool": POOL})),
    ]


def _automation(name: str, trigger: EventTrigger, block: UUID, payload: str) -> AutomationCore:
    return AutomationCore(
        name=name,
        description="Made by infra.automations.",
        trigger=trigger,
        actions=[CallWebhook(block_document_id=block, payload=payload)],
    )


def alert(name: str, summary: str, labels: Mapping[str, str]) -> str:
    """A template of what Alertmanager's API takes, a list of one; `labels` are expressions."""
    own = "".join(
        f', "{label}": {{{{ {value} | string | tojson }}}}' for label, value in labels.items()
    )
    return f"""\
{{% set summary %}}{summary}{{% endset %}}
[{{"labels": {{"alertname": "{ALERTS[name]}", "severity": "warning"{own}}},
 "annotations": {{"summary": {{{{ summary | string | tojson }}}},
  "runbook_url": "docs/runbooks.md#{ALERTS[name].lower()}"}}}}]"""


def make(
    client: SyncPrefectClient, alertmanager: str, late_after: timedelta = LATE_AFTER
) -> list[str]:
    """What was done, a line an automation."""
    if not alertmanager:
        return [_drop(client, name) for name in ALERTS]
    block = Webhook(
        url=SecretStr(f"{alertmanager.rstrip('/')}/api/v2/alerts"),
        headers=SecretDict({"Content-Type": "application/json"}),
    )
    saved = UUID(str(block.save(BLOCK, overwrite=True, _sync=True)))  # type: ignore[call-arg]
    return [_make(client, automation) for automation in wanted(saved, late_after)]


def _make(client: SyncPrefectClient, automation: AutomationCore) -> str:
    """What is as it should be stays untouched: an update begins a trigger's waiting anew."""
    there = client.read_automations_by_name(automation.name)
    for surplus in there[1:]:  # of machines that were set up at once
        client.delete_automation(surplus.id)
    if not there:
        client.create_automation(automation)
        return f"automation {automation.name}: made"
    if there[0].model_dump(exclude={"id"}) == automation.model_dump():
        return f"automation {automation.name}: is there"
    client.update_automation(there[0].id, automation)
    return f"automation {automation.name}: brought up to date"


def _drop(client: SyncPrefectClient, name: str) -> str:
    for there in client.read_automations_by_name(name):
        client.delete_automation(there.id)
    return f"automation {name}: not wanted, since AVATAR_ALERTMANAGER is not set"


if __name__ == "__main__":
    run(partial(make, alertmanager=AutomationSettings().alertmanager))
