"""The time, in one form everywhere: aware, UTC."""

from datetime import UTC, datetime


def now() -> datetime:
    return datetime.now(UTC)
