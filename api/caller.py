"""Somebody who may call, as every part of the gateway knows them."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Caller:
    owner: str  # whose things they see
    key_id: str  # whose budget pays
    scopes: frozenset[str]
    requests_per_minute: int
    calls_per_minute: int
    monthly_budget: int | None = None  # millionths of the currency
    hard_stop: bool = True  # at the budget's end
    request_id: str = ""
