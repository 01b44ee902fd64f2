"""A batch out of a table: each row fills the template, and all of them are good, or none is taken.

Tables and templates are those of the flow `batch-videos`, only that a template is a video as
/v1/videos takes it.
"""

import copy
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from api.contracts import NewBatch, NewVideo
from api.problems import Finding, Problem
from models.batch import manifest
from models.batch.fill import columns_at, fill
from models.batch.manifest import Row
from models.errors import InvalidRequest

MOST_ROWS = 500
MOST_TOLD = 100

Filled = tuple[Row | None, NewVideo]  # with the row that it comes from, if any
Check = Callable[[NewVideo], None]  # raises Problem


def requests_of(batch: NewBatch) -> list[Filled]:
    """The batch's videos. Raises Problem 422 with everything that is wrong with any row."""
    if batch.table is None or batch.template is None:
        return [(None, video) for video in batch.videos]
    try:
        content = batch.table.content.encode()
        rows, unread = manifest.read_rows(content, f"table.{batch.table.format}")
    except InvalidRequest as error:
        raise Problem(422, "table_invalid", str(error), field="table.content") from error
    if len(rows) > MOST_ROWS:
        raise Problem(
            422,
            "table_too_long",
            f"the table has {len(rows)} rows: send at most {MOST_ROWS}",
            field="table.content",
        )
    made, unfit = fill(rows, batch.template, _video, {})
    if unread or unfit:
        raise _wrong([*unread, *unfit])
    return list(made)


def check_each(filled: Sequence[Filled], template: Mapping[str, Any] | None, check: Check) -> None:
    """Raises Problem 422 with everything that `check` finds in any row."""
    found: list[manifest.Problem] = []
    for row, video in filled:
        try:
            check(video)
        except Problem as problem:
            if row is None or template is None:
                raise
            columns = columns_at(template, (problem.field or "").split("."))
            found.append(manifest.Problem(line=row.line, column=columns, message=problem.detail))
    if found:
        raise _wrong(found)


def _video(document: Any) -> NewVideo:  # noqa: ANN401, any JSON
    """Cells are texts: where a number or a truth value is asked for, the text is read as one."""
    try:
        return NewVideo.model_validate(document)
    except ValidationError as error:
        read = copy.deepcopy(document)
        for finding in error.errors(include_url=False):
            _read_at(read, [part for part in finding["loc"] if part != "[key]"])
        return NewVideo.model_validate(read)


def _read_at(document: Any, place: Sequence[int | str]) -> None:  # noqa: ANN401, any JSON
    for part in place[:-1]:
        inner = document.get(part) if isinstance(document, dict) else None
        document = inner if isinstance(inner, dict) else document  # or it names a kind of speech
    if isinstance(document, dict) and isinstance(text := document.get(place[-1]), str):
        try:
            value = json.loads(text)
        except ValueError:
            return
        if isinstance(value, int | float):
            document[place[-1]] = value


def _wrong(found: Sequence[manifest.Problem]) -> Problem:
    """Each with its line and column; the first ones also as findings, as everywhere."""
    ordered = sorted(found, key=lambda one: (one.line, one.column))
    first = ordered[0]
    more = f", and {len(ordered) - 1} more" if len(ordered) > 1 else ""
    return Problem(
        422,
        "rows_invalid",
        f"{first}{more}",
        field="table.content",
        errors=[Finding(field=_place(one), message=one.message) for one in ordered[:MOST_TOLD]],
        rows=[one.model_dump() for one in ordered[:MOST_TOLD]],
    )


def _place(problem: manifest.Problem) -> str:
    column = f".{problem.column}" if problem.column else ""
    return f"table.{problem.line}{column}"
