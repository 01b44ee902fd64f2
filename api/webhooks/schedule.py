"""When a delivery is tried again, and when it is given up: a pure rule."""

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

DELAYS = (
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=8),
    timedelta(hours=10),
)
JITTER = 0.2  # a receiver that comes back is not met by all at one moment
LONGEST_WAIT = timedelta(hours=24)  # however much more it asks for
GIVE_UP_ENDPOINT = timedelta(days=5)


def next_attempt(
    at: datetime, attempts: int, asked: timedelta | None, chance: float
) -> datetime | None:
    """The time of the attempt after so many that failed; None: no more. `chance` is in 0..1."""
    if attempts > len(DELAYS):
        return None
    delay = DELAYS[attempts - 1] * (1 + JITTER * chance)
    return at + max(delay, min(asked or timedelta(), LONGEST_WAIT))


def retry_after(text: str | None, at: datetime) -> timedelta | None:
    """Seconds or a date, as RFC 9110 has it; None where it is neither."""
    if text is None:
        return None
    if text.isascii() and text.isdecimal():
        return timedelta(seconds=min(int(text[:9]), LONGEST_WAIT.total_seconds()))
    try:
        return max(timedelta(), parsedate_to_datetime(text).astimezone(UTC) - at)
    except (ValueError, OverflowError):
        return None
