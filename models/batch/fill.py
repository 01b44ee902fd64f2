"""A request for each row: the template's `{{column}}` become the row's cells."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from models.batch.manifest import Problem, Row
from models.contracts import Contract, VideoRequest

PLACEHOLDER = re.compile(r"\{\{\s*([^{}]*?)\s*\}\}")
WAYS = {"audio": "RecordedSpeech", "script": "ScriptSpeech", "topic": "TopicSpeech"}
_ABSENT = object()
T = TypeVar("T")


class Item(Contract):
    """A row that can be run."""

    line: int
    request: VideoRequest


def fill_rows(rows: Iterable[Row], template: Mapping[str, Any]) -> tuple[list[Item], list[Problem]]:
    """An item a row, and everything that is wrong with any of them."""
    found, problems = fill(rows, template, VideoRequest.model_validate, WAYS)
    return [Item(line=row.line, request=request) for row, request in found], problems


def fill(
    rows: Iterable[Row],
    template: Mapping[str, Any],
    make: Callable[[Any], T],
    ways: Mapping[str, str],
) -> tuple[list[tuple[Row, T]], list[Problem]]:
    """What `make` makes of each row's document, and everything that is wrong with any of them.

    `ways` are the names by which pydantic tells ways of speaking apart, by a field of each.
    """
    made: list[tuple[Row, T]] = []
    problems: list[Problem] = []
    for row in rows:
        missing = sorted(columns_of(template) - row.cells.keys())
        found = [_unknown(row, name) for name in missing] or [*_empty_inside(template, row)]
        if found:
            problems += found
            continue
        try:
            made.append((row, make(filled(template, row.cells))))
        except ValidationError as error:
            problems += _told(error, row, template, ways)
    return made, problems


def filled(template: Any, cells: Mapping[str, str]) -> Any:  # noqa: ANN401, any JSON
    """The template with the cells in it.

    A field that is one placeholder alone is left out where its cell is empty: then its default
    counts.
    """
    if isinstance(template, Mapping):
        made = {name: filled(value, cells) for name, value in template.items()}
        return {name: value for name, value in made.items() if value is not _ABSENT}
    if isinstance(template, list | tuple):
        return [made for value in template if (made := filled(value, cells)) is not _ABSENT]
    if not isinstance(template, str):
        return template
    if whole := PLACEHOLDER.fullmatch(template):
        return cells[whole[1]] or _ABSENT
    return PLACEHOLDER.sub(lambda found: cells[found[1]], template)


def columns_of(template: Any) -> set[str]:  # noqa: ANN401, any JSON
    return {name for text in _texts(template) for name in PLACEHOLDER.findall(text)}


def columns_at(template: Mapping[str, Any], place: Sequence[str]) -> str:
    """The columns that fill that place of the template, with commas."""
    return ", ".join(sorted(columns_of(_at(template, place))))


def _texts(template: Any) -> Iterator[str]:  # noqa: ANN401, any JSON
    if isinstance(template, str):
        yield template
    elif isinstance(template, Mapping):
        for value in template.values():
            yield from _texts(value)
    elif isinstance(template, list | tuple):
        for value in template:
            yield from _texts(value)


def _unknown(row: Row, name: str) -> Problem:
    there = ", ".join(row.cells) or "none"
    return Problem(
        line=row.line, column=name, message=f"there is no such column: there are {there}"
    )


def _empty_inside(template: Mapping[str, Any], row: Row) -> Iterator[Problem]:
    """An empty cell in the middle of a text would be a hole in it."""
    for text in _texts(template):
        if not PLACEHOLDER.fullmatch(text):
            for name in PLACEHOLDER.findall(text):
                if not row.cells[name]:
                    yield Problem(line=row.line, column=name, message="it is empty: write a value")


def _told(
    error: ValidationError, row: Row, template: Mapping[str, Any], ways: Mapping[str, str]
) -> Iterator[Problem]:
    speech = template.get("speech")
    way = next((ways[key] for key in ways if isinstance(speech, Mapping) and key in speech), None)
    for finding in error.errors(include_url=False):
        place = [str(part) for part in finding["loc"]]
        if len(place) > 1 and place[0] == "speech":
            if way is not None and place[1] != way:
                continue  # of another way of speaking
            del place[1]
        yield Problem(
            line=row.line, column=columns_at(template, place), message=_sentence(place, finding)
        )


def _sentence(place: list[str], finding: ErrorDetails) -> str:
    message = finding["msg"].removeprefix("Value error, ")
    if finding["type"] == "missing":
        return f"{'.'.join(place)} is missing: give it a value"
    return f"{'.'.join(place) or 'it'}: {message[:1].lower()}{message[1:]}"


def _at(template: Any, place: Sequence[str]) -> Any:  # noqa: ANN401, any JSON
    for name in place:
        if not isinstance(template, Mapping) or name not in template:
            break
        template = template[name]
    return template
