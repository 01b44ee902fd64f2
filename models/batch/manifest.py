"""Rows of a batch out of a CSV or JSONL file, with the lines they stand in."""

import csv
import io
import json
from collections.abc import Iterator

from models.contracts import Contract
from models.errors import InvalidRequest

MAX_BYTES = 10 * 1024 * 1024
MAX_ROWS = 10_000


class Row(Contract):
    line: int  # where it ends in the file, the first is 1
    cells: dict[str, str]


class Problem(Contract):
    """What is wrong with the file, where: line 0 is the template, an empty column all of them."""

    line: int
    column: str = ""
    message: str

    def __str__(self) -> str:
        place = f"line {self.line}" if self.line else "the template"
        return f"{place}{f', column {self.column}' if self.column else ''}: {self.message}"


def read_rows(content: bytes, name: str) -> tuple[list[Row], list[Problem]]:
    """By the name's ending, `.csv`, `.jsonl` or `.ndjson`. Raises InvalidRequest for others."""
    if len(content) > MAX_BYTES:
        raise InvalidRequest(f"manifest {name} is over {MAX_BYTES >> 20} MB: cut it into several")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidRequest(f"manifest {name} is no UTF-8 text: save it as UTF-8") from error
    if name.endswith(".csv"):
        rows, problems = _gathered(_csv(text))
    elif name.endswith((".jsonl", ".ndjson")):
        rows, problems = _gathered(_jsonl(text))
    else:
        raise InvalidRequest(f"manifest {name} is of no known kind: use .csv or .jsonl")
    if not rows and not problems:
        raise InvalidRequest(f"manifest {name} has no rows: write one a video")
    if len(rows) > MAX_ROWS:
        raise InvalidRequest(f"manifest {name} has {len(rows):,} rows: use at most {MAX_ROWS:,}")
    return rows, problems


def _gathered(found: Iterator[Row | Problem]) -> tuple[list[Row], list[Problem]]:
    rows: list[Row] = []
    problems: list[Problem] = []
    for each in found:
        (rows if isinstance(each, Row) else problems).append(each)  # type: ignore[arg-type]
    return rows, problems


def _csv(text: str) -> Iterator[Row | Problem]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    columns: list[str] = []
    try:
        for cells in reader:
            if not columns:
                columns = [cell.strip() for cell in cells]
                yield from _header(columns)
            elif any(cell.strip() for cell in cells):
                yield _row(reader.line_num, columns, cells)
    except csv.Error as error:
        yield Problem(line=reader.line_num, message=f"this is no CSV ({error}): mend the quotes")


def _header(columns: list[str]) -> Iterator[Problem]:
    for at, name in enumerate(columns, start=1):
        if not name:
            yield Problem(line=1, message=f"column {at} has no name: give it one")
        elif name in columns[: at - 1]:
            yield Problem(line=1, column=name, message="this name is there twice: rename one")


def _row(line: int, columns: list[str], cells: list[str]) -> Row | Problem:
    if len(cells) != len(columns):
        wrong = f"{len(cells)} cells for {len(columns)} columns: quote a text that holds commas"
        return Problem(line=line, message=wrong)
    return Row(line=line, cells=dict(zip(columns, (c.strip() for c in cells), strict=True)))


def _jsonl(text: str) -> Iterator[Row | Problem]:
    for line, item in enumerate(text.splitlines(), start=1):
        if not item.strip():
            continue
        try:
            document = json.loads(item)
        except ValueError as error:
            yield Problem(line=line, message=f"this is no JSON ({error}): write one object a line")
            continue
        if not isinstance(document, dict):
            yield Problem(line=line, message="this is no JSON object: write {…} on each line")
            continue
        yield from _object(line, document)


def _object(line: int, document: dict[str, object]) -> Iterator[Row | Problem]:
    nested = [name for name, value in document.items() if isinstance(value, dict | list)]
    if nested:
        yield Problem(line=line, column=nested[0], message="a cell is one value: use a text")
    else:
        cells = {name: _cell(value).strip() for name, value in document.items()}
        yield Row(line=line, cells=cells)


def _cell(value: object) -> str:
    if isinstance(value, str):
        return value
    return "" if value is None else json.dumps(value)
