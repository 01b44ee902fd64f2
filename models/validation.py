"""Contracts from what a person typed: pydantic's findings in one sentence of ours."""

from typing import TypeVar

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from models.contracts import MAX_SCRIPT_CHARS, Contract
from models.errors import EmptyScript, InputError, InvalidRequest, ScriptTooLong

C = TypeVar("C", bound=Contract)
LONGEST_SHOWN = 60


def made(kind: type[C], /, **values: object) -> C:
    """`kind(**values)`. Raises InvalidRequest, EmptyScript or ScriptTooLong."""
    try:
        return kind(**values)
    except ValidationError as error:
        raise translated(error) from error


def translated(error: ValidationError) -> InputError:
    """The first finding, as one of our errors."""
    finding = error.errors(include_url=False)[0]
    script = "script" in finding["loc"]
    if script and finding["type"] == "string_too_long":
        return ScriptTooLong(
            f"the script has {len(finding['input']):,} characters: "
            f"use at most {MAX_SCRIPT_CHARS:,}, or cut it into several videos"
        )
    if script and finding["type"] == "string_too_short":
        return EmptyScript("the script is empty: write what is to be said")
    return InvalidRequest(_sentence(finding))


def _sentence(finding: ErrorDetails) -> str:
    place = ".".join(map(str, finding["loc"]))
    message = finding["msg"].removeprefix("Value error, ")
    if not place:
        return message
    if finding["type"] == "missing":
        return f"{place} is missing: give it a value"
    shown = str(finding["input"])
    shown = shown if len(shown) <= LONGEST_SHOWN else shown[:LONGEST_SHOWN] + "…"
    return f"{place} cannot be {shown!r}: {message[:1].lower()}{message[1:]}"
