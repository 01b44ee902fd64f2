"""What a video's work took, in the units that cost money, and what each unit costs us.

Rates are an operator's to set: the ones here are list prices in USD as remembered in 2025, to be
checked before they are believed. What callers are charged is another matter, see api.quotes.
"""

import json
from collections.abc import Iterable
from pathlib import Path

from pydantic import Field

from models.contracts import Contract, Item, Receipt, Usage
from models.errors import InvalidRequest

HOUR_S, MILLION, GB = 3600.0, 1e6, 1e9


class Rates(Contract):
    """Currency for each unit."""

    cpu_hour: float = Field(default=0.045, ge=0, description="A core.")
    gpu_hour: float = Field(default=0.526, ge=0, description="A card.")
    prompt_million: float = Field(default=0.1, ge=0, description="Tokens that a model reads.")
    completion_million: float = Field(default=0.3, ge=0, description="Tokens that it writes.")
    speech_million: float = Field(default=0.0, ge=0, description="Letters: our own voice is free.")
    gb_month: float = Field(default=0.023, ge=0, description="Kept, for one month.")


def load_rates(file: Path | None) -> Rates:
    """Of a JSON file; what it does not name stays as here. Raises InvalidRequest."""
    if file is None:
        return Rates()
    try:
        return Rates.model_validate(json.loads(file.read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        known = ", ".join(Rates.model_fields)
        raise InvalidRequest(f"{file} holds no rates ({error}): JSON, any of {known}") from error


def receipt(usage: Usage, rates: Rates, currency: str = "USD") -> Receipt:
    lines = (
        ("CPU", usage.cpu_s, "s", rates.cpu_hour / HOUR_S),
        ("GPU", usage.gpu_s, "s", rates.gpu_hour / HOUR_S),
        ("LLM input", usage.prompt_tokens, "tokens", rates.prompt_million / MILLION),
        ("LLM output", usage.completion_tokens, "tokens", rates.completion_million / MILLION),
        ("speech", usage.speech_chars, "letters", rates.speech_million / MILLION),
        ("storage, a month", usage.stored_bytes, "bytes", rates.gb_month / GB),
    )
    items = (
        Item(name=name, quantity=quantity, unit=unit, rate=rate, amount=quantity * rate)
        for name, quantity, unit, rate in lines
        if quantity
    )
    return Receipt(currency=currency, items=tuple(items), usage=usage)


def total(parts: Iterable[Usage]) -> Usage:
    return sum(parts, Usage())
