"""Which videos carry a mark: a small document in the store for each pair, so that none is lost.

Frames that are the same are one segment with one mark, whichever videos they are in.
"""

from collections.abc import Iterator

from models.contracts import Contract
from models.storage import Store


class Carrier(Contract):
    """A video that shows frames with a mark."""

    video: str  # its id
    clip: str  # storage key of its frames, as they were joined


def carrier_key(mark: str, video: str) -> str:
    return f"marks/{mark}/{video}.json"


def carriers(mark: str, store: Store) -> Iterator[Carrier]:
    """Of a mark in hexadecimal."""
    for entry in store.entries(f"marks/{mark}/"):
        yield Carrier.model_validate_json(store.path(entry.key).read_text(encoding="utf-8"))
