"""Errors on their way between processes: what is read is what was raised."""

from collections.abc import Iterator

from models.contracts import Failure
from models.errors import AvatarError, SegmentFailed

UNEXPECTED = "unexpected"


def failure_of(error: BaseException) -> Failure:
    if isinstance(error, AvatarError):
        return Failure(code=error.code, message=str(error), retryable=error.retryable)
    return Failure(code=UNEXPECTED, message=f"{type(error).__name__}: {error}")


def error_of(failure: Failure) -> AvatarError:
    """The error that was raised there, by its code; what has none of ours is a SegmentFailed."""
    for kind in _kinds(AvatarError):
        if kind.__dict__.get("code") == failure.code:
            return kind(failure.message)
    return SegmentFailed(failure.message)


def _kinds(kind: type[AvatarError]) -> Iterator[type[AvatarError]]:
    yield kind
    for narrower in kind.__subclasses__():
        yield from _kinds(narrower)
