"""What is really in a finished video: measured from its packets and frames, not its header."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Colorspace

from models.arrays import F32, U8
from models.errors import EncodeFailed
from models.media.colour import plane_pixels

AUDIBLE = 10 ** (-50 / 20)  # of full scale
SEEK_BEYOND_S = 4.0  # nearer than that, decoding on is quicker than seeking
BLOCK_PX = 16


@dataclass(frozen=True)
class SoundFacts:
    codec: str
    sample_rate_hz: int
    start_s: float  # when the first sample is heard, edit lists applied
    duration_s: float
    first_sound_s: float | None  # the first sample over -50 dBFS; None: silent throughout
    peak: float  # of full scale


@dataclass(frozen=True)
class VideoFacts:
    codec: str
    size: tuple[int, int]  # width, height
    fps: Fraction
    frames: int
    start_s: float  # when the first frame is shown, edit lists applied
    duration_s: float
    alpha: bool
    sound: SoundFacts | None


@dataclass(frozen=True)
class FrameStatistics:
    """One row a frame, in levels of luma, 16 (black) .. 235 (white)."""

    mean: F32  # (F,)
    spread: F32  # (F,) standard deviation: 0 is one flat colour
    change: F32  # (F,) the most that a 16-px block changed since the frame before; first: inf


def probe(path: Path) -> VideoFacts:
    """Count the pictures and decode the sound. Raises EncodeFailed if it cannot be read."""
    with opened(path) as container:
        stream = container.streams.video[0]
        shown = [
            (packet.pts, packet.duration or 0)
            for packet in container.demux(stream)
            if packet.pts is not None
        ]
        tick = stream.time_base or Fraction(1)
        start = min((pts for pts, _ in shown), default=0)
        stop = max((pts + duration for pts, duration in shown), default=0)
        return VideoFacts(
            codec=stream.codec_context.name,
            size=(stream.codec_context.width, stream.codec_context.height),
            fps=stream.average_rate or Fraction(0),
            frames=len(shown),
            start_s=float(start * tick),
            duration_s=float((stop - start) * tick),
            alpha=stream.metadata.get("alpha_mode") == "1",
            sound=_probe_sound(path),
        )


def _probe_sound(path: Path) -> SoundFacts | None:
    with opened(path) as container:
        if not container.streams.audio:
            return None
        stream = container.streams.audio[0]
        rate = stream.codec_context.sample_rate
        start, samples, peak, first = 0.0, 0, 0.0, None
        for frame in container.decode(stream):
            level = np.abs(frame.to_ndarray()).max(axis=0)
            start = start if samples else float(frame.time or 0.0)
            if first is None and level.max() > AUDIBLE:
                first = start + (samples + int(np.argmax(level > AUDIBLE))) / rate
            peak, samples = max(peak, float(level.max())), samples + frame.samples
        # a decoder may hand out the last packet's padding too, which the edit list cuts off
        whole = float((stream.duration or 0) * (stream.time_base or 0)) or samples / rate
        name, duration = stream.codec_context.name, min(whole, samples / rate)
        return SoundFacts(name, rate, start, duration, first, peak)


def sample_frames(
    path: Path,
    indices: Iterable[int],
    seen: Callable[[int, VideoFrame], None] = lambda index, frame: None,
) -> Iterator[tuple[int, U8]]:
    """(index, (H, W, 3) RGB) of the frames asked for, in ascending order.

    `seen` is shown every frame that is decoded on the way, with its index.
    Raises EncodeFailed if there is no such frame.
    """
    wanted = sorted(set(indices))
    with opened(path) as container:
        stream = container.streams.video[0]
        fps, tick = stream.average_rate or Fraction(0), stream.time_base or Fraction(1)
        at, frames = -1, container.decode(stream)
        for index in wanted:
            if index - at > SEEK_BEYOND_S * fps:
                container.seek(round(index / fps / tick), stream=stream)
                frames = container.decode(stream)
            for frame in frames:
                at = round(Fraction(frame.pts or 0) * tick * fps)
                seen(at, frame)
                if at >= index:
                    break
            if at != index:
                raise EncodeFailed(f"{path.name} has no frame {index}")
            yield index, to_rgb(frame)


def to_rgb(frame: VideoFrame) -> U8:
    """(H, W, 3) by the matrix that `VideoWriter` encodes with."""
    return np.asarray(
        frame.reformat(
            format="rgb24",
            src_colorspace=Colorspace.ITU709,
            src_color_range=ColorRange.MPEG,
            dst_color_range=ColorRange.JPEG,
            interpolation="BILINEAR",
        ).to_ndarray(),
        dtype=np.uint8,
    )


def frame_statistics(path: Path) -> FrameStatistics:
    """Decode every frame once and keep three numbers of each: black and frozen ones stand out."""
    rows: list[tuple[float, float, float]] = []
    before: F32 | None = None
    with opened(path) as container:
        container.streams.video[0].thread_type = "AUTO"
        for frame in container.decode(video=0):
            luma = plane_pixels(frame.planes[0])
            small = _block_means(luma)
            change = np.inf if before is None else float(np.abs(small - before).max())
            rows.append((float(small.mean()), float(small.std()), change))
            before = small
    mean, spread, change_ = np.array(rows, np.float32).reshape(-1, 3).T
    return FrameStatistics(mean, spread, change_)


def _block_means(luma: U8) -> F32:
    height, width = luma.shape
    size = (max(1, width // BLOCK_PX), max(1, height // BLOCK_PX))
    means = cv2.resize(luma.astype(np.float32), size, interpolation=cv2.INTER_AREA)
    return np.asarray(means, np.float32)


@contextmanager
def opened(path: Path) -> Iterator[InputContainer]:
    """The file, which has pictures. Raises EncodeFailed, also for damage found in the block."""
    try:
        with av.open(f"file:{path}") as container:
            if not container.streams.video:
                raise EncodeFailed(f"{path.name} holds no pictures")
            yield container
    except av.FFmpegError as error:
        raise EncodeFailed(f"{path.name} is no readable video: {error}") from error
