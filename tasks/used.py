"""Which intermediate files a flow run counted on, made or found: what to forget with its video."""

import threading
from collections import OrderedDict
from collections.abc import Iterable
from uuid import UUID

MOST_RUNS = 64  # a run that was killed is never closed

_runs: OrderedDict[UUID, set[str]] = OrderedDict()
_lock = threading.Lock()


def note(run: UUID | None, keys: Iterable[str]) -> None:
    if run is None:
        return
    with _lock:
        _runs.setdefault(run, set()).update(keys)
        while len(_runs) > MOST_RUNS:
            _runs.popitem(last=False)


def close(run: UUID) -> tuple[str, ...]:
    """Their storage keys, in order, and forget them here."""
    with _lock:
        return tuple(sorted(_runs.pop(run, ())))
