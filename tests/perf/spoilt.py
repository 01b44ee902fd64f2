"""Videos made wrong on purpose, each in one way that a gate must see."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import soundfile

from models.arrays import F32, U8
from models.clip import Scene, write_clip
from models.media.wav import write_recording
from models.media.waveform import Recording
from models.motion.tracks import MotionTrack
from models.renderer import Renderer, Span

LATE_FRAMES = 2
BLUR_S = 0.04  # standard deviation, units of S
SWAP_EVERY_S, SWAPPED_APART = 1, 5  # frames
BRIGHTER = 4  # levels


@dataclass(frozen=True)
class Judged:
    """A video, and what the gate is told that it should be."""

    video: Path
    recording: Recording
    motion: MotionTrack


class Spoiling:
    """A renderer whose finished frames (F, H, W, 3) somebody changes."""

    def __init__(self, renderer: Renderer[Any], spoil: Callable[[U8], U8]) -> None:
        self.card, self._renderer, self._spoil = renderer.card, renderer, spoil

    def prepare(self, *given: Any) -> Any:  # noqa: ANN401
        return self._renderer.prepare(*given)

    def render(self, prepared: Any, motion: MotionTrack, span: Span) -> Iterator[U8]:  # noqa: ANN401
        frames = np.concatenate(list(self._renderer.render(prepared, motion, span)))
        yield self._spoil(frames)


def swapped(fps: Fraction) -> Callable[[U8], U8]:
    """Each second, two frames are exchanged."""

    def spoil(frames: U8) -> U8:
        order = np.arange(len(frames))
        for first in range(round(fps) // 2, len(frames) - SWAPPED_APART, round(SWAP_EVERY_S * fps)):
            order[[first, first + SWAPPED_APART]] = order[[first + SWAPPED_APART, first]]
        return np.ascontiguousarray(frames[order])

    return spoil


def blurred(landmarks: F32, scale_px: float) -> Callable[[U8], U8]:
    """The mouth and what is near it, by landmarks on the frame of a head that hardly moves."""
    mouth = landmarks[[13, 14, 61, 291], :2].mean(axis=0)
    reach = 0.45 * scale_px

    def spoil(frames: U8) -> U8:
        height, width = frames.shape[1:3]
        rows, columns = np.mgrid[:height, :width].astype(np.float32)
        far = np.hypot((columns - mouth[0]) / reach, (rows - mouth[1]) / reach)
        share = np.clip(3 * (1 - far), 0, 1)[..., None]
        for frame in frames:
            soft = cv2.GaussianBlur(frame, (0, 0), BLUR_S * scale_px)
            frame[:] = np.rint(frame + share * (soft.astype(np.float32) - frame)).astype(np.uint8)
        return frames

    return spoil


def flickering(frames: U8) -> U8:
    """Every second frame a little brighter."""
    frames[::2] = np.minimum(frames[::2].astype(np.uint16) + BRIGHTER, 255).astype(np.uint8)
    return frames


def frozen(motion: MotionTrack) -> MotionTrack:
    """The mouth as it is at the beginning, throughout."""
    return replace(motion, mouth=np.repeat(motion.mouth[:1], len(motion), axis=0))


def late(motion: MotionTrack, frames: int) -> MotionTrack:
    """The mouth, not the head."""
    return replace(motion, mouth=np.roll(motion.mouth, frames, axis=0))


def shifted(recording: Recording, seconds: float, out: Path) -> Recording:
    """The same length, its sound later, or sooner where seconds are negative."""
    samples, rate = soundfile.read(recording.path, dtype="float32")
    moved = np.roll(samples, round(seconds * rate))
    return write_recording(out, rate, [moved])


def as_long_as(other: Recording, wanted: Recording, out: Path) -> Recording:
    """Another recording, said over and over until it is as long."""
    samples, rate = soundfile.read(other.path, dtype="float32")
    length = round(float(wanted.duration_s) * rate)
    return write_recording(out, rate, [np.resize(samples, length)])


def made(
    renderer: Renderer[Any],
    scene: Scene,
    motion: MotionTrack,
    out: Path,
    mark: int,
    recording: Recording | None = None,
) -> Path:
    heard = scene.spoken if recording is None else replace(scene.spoken, recording=recording)
    write_clip(renderer, replace(scene, spoken=heard), motion, out, mark=mark)
    return out
