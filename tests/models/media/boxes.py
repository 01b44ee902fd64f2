"""The boxes of an MP4 file (ISO/IEC 14496-12), as far as tests look into them."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

FOLDERS = frozenset({b"moov", b"trak", b"edts", b"mdia", b"minf", b"stbl"})


@dataclass(frozen=True)
class Edit:
    duration: int  # in the movie's timescale
    media_time: int  # in the track's timescale: what is skipped of it
    rate: float


def boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """(name, content), outer ones first."""
    at = 0
    while at + 8 <= len(data):
        size, name = struct.unpack_from(">I4s", data, at)
        content = data[at + 8 : at + size]
        yield name, content
        if name in FOLDERS:
            yield from boxes(content)
        at += size


def tracks(path: Path) -> dict[bytes, dict[bytes, bytes]]:
    """Each track's boxes by name, under its handler: vide or soun."""
    found = {}
    for name, content in boxes(path.read_bytes()):
        if name == b"trak":
            inside = dict(boxes(content))
            found[inside[b"hdlr"][8:12]] = inside
    return found


def edits(track: dict[bytes, bytes]) -> list[Edit]:
    version, count = struct.unpack_from(">B3xI", track[b"elst"])
    layout = ">QqI" if version else ">IiI"
    size = struct.calcsize(layout)
    rows = [struct.unpack_from(layout, track[b"elst"], 8 + size * k) for k in range(count)]
    return [Edit(duration, media_time, rate / 65_536) for duration, media_time, rate in rows]


def timescale(track: dict[bytes, bytes]) -> int:
    at = 20 if track[b"mdhd"][0] else 12
    return int(struct.unpack_from(">I", track[b"mdhd"], at)[0])
