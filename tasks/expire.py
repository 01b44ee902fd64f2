"""Delete what the store need not keep, and never what a request still names."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from prefect import task
from prefect.artifacts import create_markdown_artifact
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import FlowRunFilter, TaskRunFilter
from prefect.client.schemas.objects import StateType

from models import expiry
from models.errors import InvalidRequest
from models.expiry import ExpiryReport
from models.storage import Entry
from tasks.policies import is_transient, store

LIVE = {kind.value for kind in StateType} - {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"}
PAGE = 200  # what the server gives at most in one answer


@task(name="find-stale", retries=2, retry_delay_seconds=5, retry_condition_fn=is_transient)
def find_stale(uploads_days: float, work_days: float) -> list[Entry]:
    """Files past their age. Raises InvalidRequest for an age that is none."""
    if min(uploads_days, work_days) <= 0:
        raise InvalidRequest(
            f"files cannot be kept {min(uploads_days, work_days):g} days: use more than 0"
        )
    kept = expiry.ages(uploads_days, work_days)
    return expiry.stale(store().entries(), kept, datetime.now(UTC))


@task(name="find-names-in-use", retries=2, retry_delay_seconds=5, persist_result=False)
def find_names_in_use() -> set[str]:
    """What every run that has not ended was asked for, and what it has made so far."""
    with get_client(sync_client=True) as client:
        return set(_asked_for(client)) | set(_made(client))


@task(name="delete-stale", retries=2, retry_delay_seconds=5, retry_condition_fn=is_transient)
def delete_stale(found: list[Entry], names: set[str], dry_run: bool) -> ExpiryReport:
    """Delete what nobody names, and report by folder."""
    gone = [entry for entry in found if not expiry.is_named(entry.key, names)]
    kept = [entry for entry in found if expiry.is_named(entry.key, names)]
    if not dry_run:
        for entry in gone:
            store().delete(entry.key)
    report = expiry.count(gone, kept, dry_run=dry_run)
    create_markdown_artifact(
        key="expired-files", markdown=expiry.markdown(report), description="What the store forgot"
    )
    return report


def _asked_for(client: SyncPrefectClient) -> Iterator[str]:
    live = FlowRunFilter.model_validate({"state": {"type": {"any_": sorted(LIVE)}}})
    for runs in _pages(
        lambda offset: client.read_flow_runs(flow_run_filter=live, limit=PAGE, offset=offset)
    ):
        for run in runs:
            yield from expiry.names_in(run.parameters)


def _made(client: SyncPrefectClient) -> Iterator[str]:
    """By the names of the tasks' cache records, which are those of their first files."""
    live = FlowRunFilter.model_validate({"state": {"type": {"any_": sorted(LIVE)}}})
    done = TaskRunFilter.model_validate({"state": {"type": {"any_": ["COMPLETED"]}}})
    for runs in _pages(
        lambda offset: client.read_task_runs(
            flow_run_filter=live, task_run_filter=done, limit=PAGE, offset=offset
        )
    ):
        for run in runs:
            record = getattr(run.state.data if run.state else None, "storage_key", None)
            if record:
                yield expiry.digest_of(_key_of(str(record)))


def _key_of(record: str) -> str:
    """`clips/3f9a.mp4` of the record `clips-3f9a.mp4`, wherever it lies."""
    return record.rpartition("/")[2].replace("-", "/", 1)


def _pages(read: Any) -> Iterator[list[Any]]:  # noqa: ANN401
    offset = 0
    while found := read(offset):
        yield found
        offset += len(found)
