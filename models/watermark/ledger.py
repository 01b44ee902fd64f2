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


class Carried(Contract):
    """The marks of one video, in hexadecimal, so that they are found when it is to be forgotten."""

    marks: tuple[str, ...]


def carried_key(video: str) -> str:
    return f"carried/{video}.json"


def forget(video: str, store: Store) -> None:
    """No mark leads to the video any more; others that share its frames stay."""
    key = carried_key(video)
    if not store.exists(key):
        return
    document = store.path(key).read_text(encoding="utf-8")
    for mark in Carried.model_validate_json(document).marks:
        store.delete(carrier_key(mark, video))
    store.delete(key)  # last, so that what was cut short is done when asked again


def carriers(mark: str, store: Store) -> Iterator[Carrier]:
    """Of a mark in hexadecimal."""
    for entry in store.entries(f"marks/{mark}/"):
        yield Carrier.model_validate_json(store.path(entry.key).read_text(encoding="utf-8"))
