"""A batch is read and checked whole before a row is started, and reported row by row."""

from typing import Any

from prefect import task
from prefect.artifacts import create_table_artifact

from models.batch import source
from models.batch.results import BatchReport, RowResult, as_csv, as_table
from models.batch.work import Batch, make_batch
from models.errors import InvalidRequest, RowsFailed
from tasks.policies import is_transient, keep, store

INBOX = "batches/inbox/"
ENDINGS = (".csv", ".jsonl", ".ndjson")


@task(
    name="find-batches",
    retries=2,
    retry_delay_seconds=5,
    retry_condition_fn=is_transient,
    persist_result=False,
)
def find_batches(manifest: str, template: dict[str, Any] | None) -> list[Batch]:
    """The manifest, or all that are new in the store's inbox. Raises InputError, ServiceError."""
    if manifest:
        return [_read(manifest, template)]
    if template:
        raise InvalidRequest("a template alone starts nothing: name a manifest too")
    waiting = [entry.key for entry in store().entries(INBOX) if entry.key.endswith(ENDINGS)]
    found = [_read(source.SCHEME + key, None) for key in waiting]
    return [batch for batch in found if not store().exists(f"{_report(batch).key}.json")]


@task(
    name="report-batch",
    retries=2,
    retry_delay_seconds=5,
    retry_condition_fn=is_transient,
    persist_result=False,
)
def report_batch(batch: Batch, results: list[RowResult]) -> BatchReport:
    """A line of results for each line of the manifest: in the store and on Prefect's page."""
    by_name = {result.digest: result for result in results}
    rows = [
        by_name[name].model_copy(update={"line": item.line})
        for name, items in batch.groups.items()
        for item in items
    ]
    report = _report(batch, tuple(sorted(rows, key=lambda row: row.line)))
    table = as_table(report.rows) or [problem.model_dump() for problem in report.problems]
    create_table_artifact(key="batch-videos", table=table, description=report.summary())
    with store().work_folder() as folder:
        (folder / "results.csv").write_text(as_csv(report.rows), encoding="utf-8", newline="")
        store().put(folder / "results.csv", f"{report.key}.csv")
    keep(report, f"{report.key}.json")
    return report


def require_all(reports: list[BatchReport]) -> list[BatchReport]:
    """Raises InvalidRequest and RowsFailed: what failed in part is not to be overlooked."""
    bad = [report for report in reports if not report.good]
    if bad:
        told = " | ".join(f"{report.summary()}; all of it in {report.key}.json" for report in bad)
        raise (InvalidRequest if all(report.problems for report in bad) else RowsFailed)(told)
    return reports


def _read(manifest: str, template: dict[str, Any] | None) -> Batch:
    content = source.read(manifest, store())
    if template is None:
        beside = source.template_beside(manifest)
        template = source.template_of(source.read(beside, store()), beside)
    return make_batch(manifest, content, template, store())


def _report(batch: Batch, rows: tuple[RowResult, ...] = ()) -> BatchReport:
    return BatchReport(
        manifest=batch.manifest, digest=batch.digest, rows=rows, problems=batch.problems
    )
