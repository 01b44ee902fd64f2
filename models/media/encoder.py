"""Frames and a recording into one container, in constant memory and in one thread."""

from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Literal

import av
from av import AudioFrame, CodecContext, VideoFrame
from av.container import OutputContainer
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc
from av.video.stream import VideoStream

from models.arrays import F32
from models.contracts import Encoder
from models.errors import EngineUnusable

SOUND_RATE_HZ = 48_000
THREADS = 2  # fixed: x264's output depends on it
KEYFRAME_EVERY_S = 2


@dataclass(frozen=True)
class Format:
    """A container with its two codecs."""

    container: str
    video_codec: Literal["libx264", "h264_nvenc", "libvpx-vp9"]
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


# about x264's quality: constant quality, the card's slower search, bits where the eye looks
MP4_BY_CARD = replace(
    MP4,
    video_codec="h264_nvenc",
    video_options={
        "preset": "p5",
        "tune": "hq",
        "rc": "vbr",
        "cq": "21",
        "b": "0",
        "spatial_aq": "1",
        "forced-idr": "1",
    },
)


def format_for(*, alpha: bool, encoder: Encoder = Encoder.X264) -> Format:
    """Only WebM carries transparency, and only a processor encodes it."""
    if alpha:
        return WEBM
    return MP4_BY_CARD if encoder is Encoder.NVENC else MP4


@cache
def has_nvenc() -> bool:
    """Whether a card here encodes H.264: tried, because many a card has no encoder."""
    codec = CodecContext.create("h264_nvenc", "w")
    codec.width = codec.height = 256
    codec.pix_fmt, codec.time_base = MP4_BY_CARD.pixels, Fraction(1, 25)
    try:
        codec.open()
    except (av.FFmpegError, OSError):
        return False
    return True


def check_encoder(encoder: Encoder) -> None:
    """Raises EngineUnusable."""
    if encoder is Encoder.NVENC and not has_nvenc():
        raise EngineUnusable(
            "no NVIDIA card here encodes H.264 (its driver may lack libnvidia-encode, and an H100 "
            "or A100 has no encoder): set AVATAR_ENCODER=x264"
        )


class PictureEncoder:
    """Frames into a container of their own, from a fresh encoder: it remembers nothing."""

    def __init__(
        self, path: Path, size: tuple[int, int], fps: Fraction, *, format: Format = MP4
    ) -> None:
        self._fps, self._frames = fps, 0
        self._container = opened_for(path, format, timescale(format, fps))
        self._video = add_video(self._container, size, fps, format)

    def add(self, frame: VideoFrame) -> None:
        frame.pts, frame.time_base = self._frames, 1 / self._fps
        self._frames += 1
        self._container.mux(self._video.encode(frame))

    def close(self, *, whole: bool = True) -> None:
        """Write what the encoder still holds, then the index; not whole: just let go."""
        if whole:
            self._container.mux(self._video.encode(None))
        self._container.close()


class SoundEncoder:
    """Sound into a container of its own."""

    def __init__(self, path: Path, *, format: Format = MP4) -> None:
        self._at = 0  # samples handed to the encoder
        self._container = opened_for(path, format, {})
        self._sound = self._container.add_stream(
            format.audio_codec, rate=SOUND_RATE_HZ, layout="mono", options=format.audio_options
        )

    def add(self, block: F32) -> None:
        """Samples (N,) at 48 kHz, -1..1."""
        frame = AudioFrame.from_ndarray(block[None], format="fltp", layout="mono")
        frame.sample_rate = SOUND_RATE_HZ
        frame.pts, frame.time_base = self._at, Fraction(1, SOUND_RATE_HZ)
        self._at += len(block)
        self._container.mux(self._sound.encode(frame))

    def close(self, *, whole: bool = True) -> None:
        if whole:
            self._container.mux(self._sound.encode(None))
        self._container.close()


def opened_for(path: Path, format: Format, options: dict[str, str]) -> OutputContainer:
    # "file:" keeps FFmpeg from reading a protocol into a name with a colon
    return av.open(f"file:{path}", "w", format=format.container, options=options)


def timescale(format: Format, fps: Fraction) -> dict[str, str]:
    """A timescale that depends on the rate alone lets segments be joined as they are."""
    if format.container != "mp4":
        return {}
    scale = fps.numerator * (1 if fps.denominator > 1 else 1000)
    return {"video_track_timescale": str(scale)}


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
