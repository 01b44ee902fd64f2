"""Errors on their way between processes: what is read is what was raised."""

import re
from collections.abc import Iterator

from models.contracts import Failure
from models.errors import AvatarError, SegmentFailed

UNEXPECTED = "unexpected"
RAISED = re.compile(r"encountered an exception: (?P<kind>\w+): (?P<text>.+)", re.DOTALL)


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


def error_in(message: str) -> AvatarError | None:
    """The error that ended a flow run, read from the message of its state; None if not ours."""
    told = RAISED.search(message)
    kinds = {kind.__name__: kind for kind in _kinds(AvatarError)}
    return kinds[told["kind"]](told["text"]) if told and told["kind"] in kinds else None


def _kinds(kind: type[AvatarError]) -> Iterator[type[AvatarError]]:
    yield kind
    for narrower in kind.__subclasses__():
        yield from _kinds(narrower)
