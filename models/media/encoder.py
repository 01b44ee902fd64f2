"""Frames and a recording into one container, in constant memory and in one thread."""

from dataclasses import dataclass
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path
from typing import Literal

import av
from av import AudioFrame, VideoFrame
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc
from av.video.stream import VideoStream

from models.arrays import F32
from models.media.wav import blocks, resampled
from models.media.waveform import Recording

SOUND_RATE_HZ = 48_000
SOUND_BLOCK_S = 0.1
THREADS = 2  # fixed: x264's output depends on it
KEYFRAME_EVERY_S = 2


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


@dataclass(frozen=True)
class Format:
    """A container with its two codecs."""

    container: str
    video_codec: Literal["libx264", "libvpx-vp9"]
    pixels: str
    video_options: dict[str, str]
    audio_codec: Literal["aac", "libopus"]
    audio_options: dict[str, str]


MP4 = Format(
    container="mp4",
    video_codec="libx264",
    pixels="yuv420p",
    video_options={"preset": "veryfast", "crf": "19"},
    audio_codec="aac",
    # on speech the fast coder is closer to the original than the default, at a third of the time
    audio_options={"b": "128k", "aac_coder": "fast"},
)
WEBM = Format(
    container="webm",
    video_codec="libvpx-vp9",
    pixels="yuva420p",
    # alt-ref frames and alpha exclude each other in libvpx
    video_options={
        "deadline": "realtime",
        "cpu-used": "6",
        "row-mt": "1",
        "crf": "24",
        "b": "0",
        "auto-alt-ref": "0",
        "lag-in-frames": "0",
    },
    audio_codec="libopus",
    audio_options={"b": "96k"},
)


class Encoder:
    """Frames and sound into a container, the sound interleaved as the frames come."""

    def __init__(
        self,
        path: Path,
        size: tuple[int, int],
        fps: Fraction,
        audio: Recording,
        *,
        format: Format = MP4,
        tags: Tags | None = None,
    ) -> None:
        self._fps = fps
        # "file:" keeps FFmpeg from reading a protocol into a name with a colon
        self._container = av.open(
            f"file:{path}", "w", format=format.container, options=container_options(format, fps)
        )
        self._container.metadata.update((tags or Tags()).metadata())
        self._video = add_video(self._container, size, fps, format)
        self._audio = _add_audio(self._container, format)
        self._sound = resampled(blocks(audio, SOUND_BLOCK_S), audio.sample_rate_hz, SOUND_RATE_HZ)
        self._sound_at = 0  # samples handed to the audio encoder
        self._frames = 0

    def add(self, frame: VideoFrame) -> None:
        frame.pts, frame.time_base = self._frames, 1 / self._fps
        self._frames += 1
        self._container.mux(self._video.encode(frame))
        self._add_sound(until=self._frames / self._fps * SOUND_RATE_HZ)

    def close(self, *, whole: bool = True) -> None:
        """Write what the encoders still hold, then the index; not whole: just let go."""
        if whole:
            self._add_sound(until=None)
            self._container.mux(self._video.encode(None))
            self._container.mux(self._audio.encode(None))
        self._container.close()

    def _add_sound(self, until: Fraction | None) -> None:
        while until is None or self._sound_at < until:
            block = next(self._sound, None)
            if block is None:
                return
            if len(block):
                self._container.mux(self._audio.encode(self._sound_frame(block)))

    def _sound_frame(self, block: F32) -> AudioFrame:
        frame = AudioFrame.from_ndarray(block[None], format="fltp", layout="mono")
        frame.sample_rate = SOUND_RATE_HZ
        frame.pts, frame.time_base = self._sound_at, Fraction(1, SOUND_RATE_HZ)
        self._sound_at += len(block)
        return frame


def container_options(format: Format, fps: Fraction) -> dict[str, str]:
    if format.container != "mp4":
        return {}
    # a timescale that depends on the rate alone lets segments be joined without encoding again
    scale = fps.numerator * (1 if fps.denominator > 1 else 1000)
    return {"movflags": "+faststart", "video_track_timescale": str(scale)}


def add_video(
    container: OutputContainer, size: tuple[int, int], fps: Fraction, format: Format
) -> VideoStream:
    stream = container.add_stream(format.video_codec, rate=fps, options=format.video_options)
    codec = stream.codec_context
    codec.width, codec.height = size
    codec.pix_fmt = format.pixels
    codec.thread_count = THREADS
    codec.gop_size = round(KEYFRAME_EVERY_S * fps)
    codec.time_base = 1 / fps
    codec.color_primaries = ColorPrimaries.BT709
    codec.color_trc = ColorTrc.BT709
    codec.colorspace = Colorspace.ITU709
    codec.color_range = ColorRange.MPEG
    return stream


def _add_audio(container: OutputContainer, format: Format) -> AudioStream:
    return container.add_stream(
        format.audio_codec, rate=SOUND_RATE_HZ, layout="mono", options=format.audio_options
    )
