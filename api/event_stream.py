"""Server-sent events, read as a browser reads them."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

FINAL = ("video.done", "video.failed", "video.cancelled")


@dataclass(frozen=True)
class VideoEvent:
    """What happened to a video, and how it stood then."""

    id: int
    type: str  # video.queued, video.running, video.progress or one of FINAL
    data: dict[str, Any]

    @property
    def is_final(self) -> bool:
        return self.type in FINAL


def read_events(chunks: Iterable[bytes]) -> Iterator[VideoEvent]:
    """Events of a stream; one that is cut off in the middle is left out."""
    fields: dict[str, str] = {}
    for line in _lines(chunks):
        if line:
            name, _, value = line.partition(":")
            value = value.removeprefix(" ")
            fields[name] = f"{fields[name]}\n{value}" if name == "data" in fields else value
        elif fields.get("data"):
            event = fields.get("event", "message")
            yield VideoEvent(int(fields.get("id", 0)), event, json.loads(fields["data"]))
            fields = {}


def _lines(chunks: Iterable[bytes]) -> Iterator[str]:
    """Only CR LF and LF end a line: what else Unicode takes for one may stand in the data."""
    rest = b""
    for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            yield line.removesuffix(b"\r").decode()
