"""Which of a network's engines is used here."""

import logging
from collections.abc import Callable, Sequence
from typing import TypeVar

from models.errors import EngineUnusable
from models.renderer import Home

TENSORRT = "tensorrt"

log = logging.getLogger(__name__)

E = TypeVar("E")


def wanted(home: Home, usual: Sequence[str]) -> list[str]:
    """Engines' names, the best first: what the operator asked for, then what is usual here."""
    asked = [TENSORRT] if home.tensorrt else []
    if home.engine is not None:
        asked.append(home.engine)
    return [*asked, *usual]


def first_usable(names: Sequence[str], make: Callable[[str], E]) -> tuple[str, E]:
    """The last is one that every machine has; those before it that cannot be had are told."""
    *better, last = names
    for name in better:
        try:
            return name, make(name)
        except EngineUnusable as error:
            log.warning("%s: %s; the next best engine is used", name, error)
    return last, make(last)
