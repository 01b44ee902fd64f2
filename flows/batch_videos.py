"""Many videos from one table."""

from typing import Any

from prefect import flow

from models.batch.results import BatchReport
from tasks.batch import find_batches, report_batch, require_all
from tasks.batch_rows import cancel_rows, render_rows


@flow(name="batch-videos", persist_result=False, on_cancellation=[cancel_rows])
async def batch_videos(
    manifest: str = "",
    template: dict[str, Any] | None = None,
    at_once: int = 8,
    tries: int = 2,
) -> list[BatchReport]:
    """Make one video for each row of a table, and say how each row ended.

    Every row is checked before the first is started. What was made before is not made again.

    Args:
        manifest: A .csv or .jsonl file: a path, store:KEY, s3:// or https://.
            Empty: all that are new in the store under batches/inbox/.
        template: A request whose {{column}} become the row's cells.
            Empty: NAME.template.json beside the manifest NAME.csv.
        at_once: So many rows wait or run at a time.
        tries: So often a row is tried, where trying again can help.
    """
    batches = find_batches(manifest, template)
    reports = [report_batch(batch, await render_rows(batch, at_once, tries)) for batch in batches]
    return require_all(reports)
