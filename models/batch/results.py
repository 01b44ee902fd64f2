"""How the rows of a batch ended: one row of facts a row, as CSV, JSON and a table."""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum
from typing import Any

from models.batch.manifest import Problem
from models.contracts import Contract

SHOWN = 5
HEAD = ("line", "status", "video", "duration_s", "code", "message", "tries", "run", "digest")


class RowStatus(StrEnum):
    DONE = "done"
    KEPT = "kept"  # an earlier batch made it
    FAILED = "failed"


class RowResult(Contract):
    line: int
    digest: str  # of the request
    status: RowStatus
    video: str = ""  # a path or storage key
    duration_s: float | None = None
    code: str = ""
    message: str = ""
    tries: int = 0
    run: str = ""  # Prefect's id of the last flow run


class BatchReport(Contract):
    manifest: str
    digest: str  # of the manifest and the template
    rows: tuple[RowResult, ...] = ()
    problems: tuple[Problem, ...] = ()  # then no row was started

    def count(self, status: RowStatus) -> int:
        return sum(row.status is status for row in self.rows)

    @property
    def good(self) -> bool:
        return not self.problems and not self.count(RowStatus.FAILED)

    @property
    def key(self) -> str:
        """Storage key of the results, less its suffix."""
        return f"batches/{self.digest}/results"

    def summary(self) -> str:
        if self.problems:
            first = "; ".join(map(str, self.problems[:SHOWN]))
            more = f" and {left} more" if (left := len(self.problems) - SHOWN) > 0 else ""
            return f"{self.manifest}: nothing was started: {first}{more}"
        counts = ", ".join(f"{self.count(status)} {status.value}" for status in RowStatus)
        return f"{self.manifest}: {len(self.rows)} rows, {counts}"


def as_csv(rows: Iterable[RowResult]) -> str:
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, HEAD)
    writer.writeheader()
    writer.writerows(_spoken(row) for row in rows)
    return out.getvalue()


def as_table(rows: Sequence[RowResult]) -> list[dict[str, Any]]:
    """Failures first: nobody looks through a thousand rows for them."""
    ordered = sorted(rows, key=lambda row: (row.status is not RowStatus.FAILED, row.line))
    return [dict(_facts(row)) for row in ordered]


def _facts(row: RowResult) -> Iterator[tuple[str, Any]]:
    document = row.model_dump(mode="json")
    for name in HEAD[:-2]:
        yield name, "" if document[name] is None else document[name]


def _spoken(row: RowResult) -> dict[str, Any]:
    return {name: cell(value) for name, value in row.model_dump().items()}


def cell(value: object) -> object:
    """For a CSV: nothing that a spreadsheet would take for a formula."""
    if value is None:
        return ""
    return f"'{value}" if isinstance(value, str) and value[:1] in "=+-@" and value else value
