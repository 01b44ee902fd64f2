"""What this process has done, counted for whoever watches it: by name, and by a few labels.

A worker's children send what was added since they were last asked; nothing here knows of them.
Labels have few values each: never an id.
"""

import threading
from collections import Counter
from typing import NamedTuple


class Name(NamedTuple):
    """Of a count: `text` is Prometheus', without prefix; it only grows, so it ends in _total."""

    text: str
    labels: tuple[tuple[str, str], ...] = ()


class Tally:
    """Counts, added to from any thread."""

    def __init__(self) -> None:
        self._counts: Counter[Name] = Counter()
        self._lock = threading.Lock()

    def add(self, text: str, value: float = 1.0, /, **labels: str) -> None:
        with self._lock:
            self._counts[Name(text, tuple(sorted(labels.items())))] += value  # type: ignore[assignment]

    def take(self) -> dict[Name, float]:
        """What was added since this was last called."""
        with self._lock:
            taken, self._counts = dict(self._counts), Counter()
        return dict(taken)


DONE = Tally()
_engines: dict[str, str] = {}  # by renderer: a process loads one of each


def looked_up(stage: str, *, found: int, missing: int) -> None:
    """How much of what a stage makes lay in the store; nought is told too, for ratios."""
    for what, number in (("found", found), ("missing", missing)):
        DONE.add("cache_total", number, stage=stage, result=what)


def engine_of(renderer: str) -> str:
    """What this process renders with."""
    return _engines.get(renderer, "eager")


def uses(renderer: str, engine: str) -> None:
    """What computes the renderer's frames, where it has several ways."""
    _engines[renderer] = engine


def rendered(renderer: str, device: str, *, frames: int, seconds: float) -> None:
    """Frames that were made here, and the seconds that rendering and encoding them took."""
    made_by = {"renderer": renderer, "engine": engine_of(renderer), "device": device}
    DONE.add("frames_total", frames, **made_by)
    DONE.add("render_seconds_total", seconds, **made_by)
