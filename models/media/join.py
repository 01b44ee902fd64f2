"""One video out of segments and sound, packet by packet: nothing is decoded or encoded again."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from fractions import Fraction
from heapq import merge
from pathlib import Path
from typing import Any

import av
from av.audio.stream import AudioStream
from av.container import InputContainer, OutputContainer
from av.packet import Packet
from av.video.stream import VideoStream

from models.errors import EncodeFailed
from models.media.encode import encoding
from models.media.encoder import Format, format_for, opened_for, timescale
from models.media.files import check_output, replacing
from models.media.probe import opened


@dataclass(frozen=True)
class Tags:
    """What players show about the file."""

    title: str | None = None
    comment: str | None = None
    created: datetime | None = None  # None: no date, so that equal input gives equal bytes

    def metadata(self) -> dict[str, str]:
        created = self.created and self.created.astimezone(UTC).isoformat()
        pairs = {"title": self.title, "comment": self.comment, "creation_time": created}
        return {name: value for name, value in pairs.items() if value}


def join(
    segments: Sequence[Path],
    sound: Path,
    out: Path,
    fps: Fraction,
    *,
    frames: int,
    alpha: bool = False,
    tags: Tags | None = None,
) -> None:
    """Write the segments' pictures one after another, `frames` in all, and the sound to `out`.

    Memory does not grow with the length. Raises OutputNotWritable, DiskFull, and EncodeFailed
    where segments do not belong together; then there is no file.
    """
    check_output(out, alpha=alpha)
    format = format_for(alpha=alpha)
    with replacing(out) as part, encoding(out), av.open(f"file:{sound}") as heard:
        with _container(part, format, fps, tags or Tags()) as container:
            pictures = _Pictures(container, segments, fps, format)
            voice = container.add_stream_from_template(heard.streams.audio[0], opaque=True)
            for packet in merge(pictures.packets(), _sound(heard, voice), key=_due):
                container.mux(packet)
        if pictures.frames != frames:
            raise EncodeFailed(f"{pictures.frames} of {frames} frames were joined")


class _Pictures:
    """The segments' packets as those of one stream."""

    def __init__(
        self,
        container: OutputContainer,
        segments: Sequence[Path],
        fps: Fraction,
        format: Format,
    ) -> None:
        self._segments, self._fps = segments, fps
        self.frames = 0
        with opened(segments[0]) as first:
            template = first.streams.video[0]
            self._shape = _shape(template)
            self._stream = container.add_stream_from_template(template, opaque=True)
        self._stream.framerate, self._stream.pix_fmt = fps, format.pixels  # no decoder tells alpha

    def packets(self) -> "Iterator[Packet[Any]]":
        for path in self._segments:
            with opened(path) as segment:
                stream = segment.streams.video[0]
                if _shape(stream) != self._shape:
                    raise EncodeFailed(f"{path.name} was encoded otherwise than the first segment")
                first = self.frames
                for packet in segment.demux(stream):
                    if packet.dts is not None:  # the last one is empty
                        yield self._placed(packet, first)
                        self.frames += 1

    def _placed(self, packet: "Packet[Any]", first: int) -> "Packet[Any]":
        """Its times in frames since the video's beginning."""
        tick = packet.time_base * self._fps
        packet.pts = first + round((packet.pts or 0) * tick)
        packet.dts = first + round((packet.dts or 0) * tick)
        packet.duration, packet.time_base, packet.stream = 1, 1 / self._fps, self._stream
        return packet


def _shape(stream: VideoStream) -> tuple[object, ...]:
    """What a decoder is told once, before the first packet."""
    codec = stream.codec_context
    return codec.name, codec.width, codec.height, codec.pix_fmt, codec.extradata


def _sound(source: InputContainer, stream: AudioStream) -> "Iterator[Packet[Any]]":
    for packet in source.demux(source.streams.audio[0]):
        if packet.dts is not None:
            packet.stream = stream
            yield packet


def _due(packet: "Packet[Any]") -> Fraction:
    return (packet.dts or 0) * packet.time_base


@contextmanager
def _container(path: Path, format: Format, fps: Fraction, tags: Tags) -> Iterator[OutputContainer]:
    options = timescale(format, fps)
    if options:
        options["movflags"] = "+faststart"
    with opened_for(path, format, options) as container:
        container.metadata.update(tags.metadata())
        yield container
