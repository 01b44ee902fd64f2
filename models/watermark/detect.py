"""Find marks in any video, without the original: cut, cropped, scaled or encoded again.

The luma of a few seconds is averaged, in which a face that moves fades and the mark does not. What
is left beside its neighbourhood is laid over the beacon at every pitch that a crop can cause and,
by Fourier transform, at every place. Where it fits best, each window is read by itself, since every
segment of a video has a mark of its own.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from models.arrays import F32, U8
from models.media.colour import plane_pixels
from models.media.probe import opened
from models.watermark.code import PAYLOAD_BITS, SIDE, Reading, beacon, read

PITCH_PX = 4.0  # of a cell, in the picture that is searched, where nothing was cropped
WINDOW_S = 4.0
FRAMES_PER_S = 6
PITCHES = np.exp(np.arange(np.log(0.8), np.log(1.4), 0.004)) * PITCH_PX
CANDIDATES = 4
FINER = np.exp(np.arange(-0.003, 0.0031, 0.001))
LEAST_SCORE = 11.0
_PER_CELL = 2  # samples, in which shifts are searched
_PLACES = (len(PITCHES) + CANDIDATES * len(FINER)) * (SIDE * _PER_CELL) ** 2


@dataclass(frozen=True)
class Window:
    start_s: float
    stop_s: float
    luma: F32  # (h, w) mean, its short side SIDE * PITCH_PX


@dataclass(frozen=True)
class Mark:
    payload: int
    start_s: float
    stop_s: float
    score: float

    @property
    def chance(self) -> float:
        return chance(self.score)


def chance(score: float) -> float:
    """At most how likely a picture that was never marked reads so well, in one window.

    The cells' signs were drawn without regard to any picture, so Hoeffding's bound of a sum with
    random signs holds for each picture, payload and place; all payloads and places are added up.
    """
    return min(1.0, math.exp(PAYLOAD_BITS * math.log(2) + math.log(_PLACES) - score**2 / 2))


@dataclass(frozen=True)
class Place:
    """Where the square lies: sizes and shifts in pixels of the searched picture."""

    pitch: float
    left: float
    top: float
    peak: float  # of the correlation, in standard deviations


def find_marks(path: Path) -> tuple[Mark, ...]:
    """Each mark once, in order of time. Raises EncodeFailed where the file is no video."""
    found: dict[int, Mark] = {}
    for window, reading in readings(path):
        if not reading.whole or reading.score < LEAST_SCORE:
            continue
        mark = Mark(reading.payload, window.start_s, window.stop_s, reading.score)
        before = found.get(mark.payload, mark)
        found[mark.payload] = Mark(
            mark.payload,
            min(before.start_s, mark.start_s),
            max(before.stop_s, mark.stop_s),
            max(before.score, mark.score),
        )
    return tuple(sorted(found.values(), key=lambda mark: mark.start_s))


def readings(path: Path) -> Iterator[tuple[Window, Reading]]:
    """What each window says, believable or not; last, what all of them together do."""
    seen = list(windows(path))
    if not seen:
        return
    pictures = [_beside(window.luma) for window in seen]
    whole, place = _located(pictures)
    for window, picture in zip(seen, pictures, strict=True):
        yield window, read(cells_at(picture, place))
    if len(seen) > 1:
        yield replace(seen[0], stop_s=seen[-1].stop_s), read(cells_at(whole, place))


def located(path: Path) -> tuple[F32, Place]:
    """What a whole video has beside its pictures, and where a square lies in it."""
    return _located([_beside(window.luma) for window in windows(path)])


def _located(pictures: list[F32]) -> tuple[F32, Place]:
    whole = np.asarray(np.mean(pictures, axis=0), np.float32)
    return whole, locate(whole)


def windows(path: Path) -> Iterator[Window]:
    """Means of the frames of about WINDOW_S each."""
    with opened(path) as container:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        start, last, due, frames = 0.0, 0.0, 0.0, list[F32]()
        for frame in container.decode(stream):
            at = float(frame.time or 0.0)
            if frames and at - start >= WINDOW_S:
                yield Window(start, at, _mean(frames))
                start, frames = at, []
            if at >= due:
                frames.append(_searched(plane_pixels(frame.planes[0])))
                due = at + 1 / FRAMES_PER_S
            last = at
        if frames:
            yield Window(start, last, _mean(frames))


def locate(picture: F32) -> Place:
    """Where a square reads best, of the places at which the beacon fits."""
    places = sorted((_fit(picture, float(pitch)) for pitch in PITCHES), key=_peak)[-CANDIDATES:]
    near = [_fit(picture, each.pitch * step) for each in places for step in FINER]
    return max(near, key=lambda place: (_legible(picture, place), place.peak))


def cells_at(picture: F32, place: Place) -> F32:
    """(64, 64): what every cell of the square holds, all its repetitions together."""
    grid = _folded(picture, place.pitch, place.left, place.top)
    shape = (SIDE, _PER_CELL, SIDE, _PER_CELL)
    return np.asarray(grid.reshape(shape).mean(axis=(1, 3)), np.float32)


def _peak(place: Place) -> float:
    return place.peak


def _legible(picture: F32, place: Place) -> tuple[bool, float]:
    reading = read(cells_at(picture, place))
    return reading.whole, reading.score


@cache
def _template() -> "NDArray[np.complex128]":
    """The beacon's conjugate spectrum, in samples."""
    size = (SIDE * _PER_CELL, SIDE * _PER_CELL)
    return np.fft.rfft2(cv2.resize(beacon(), size, interpolation=cv2.INTER_LINEAR)).conj()


def _fit(picture: F32, pitch: float) -> Place:
    side = SIDE * _PER_CELL
    likeness = np.fft.irfft2(np.fft.rfft2(_folded(picture, pitch)) * _template(), s=(side, side))
    top, left = np.unravel_index(np.argmax(likeness), likeness.shape)
    peak = float(likeness.max() / (likeness.std() + 1e-9))
    step = pitch / _PER_CELL
    return Place(pitch, float(left) * step, float(top) * step, peak)


def _folded(picture: F32, pitch: float, left: float = 0.0, top: float = 0.0) -> F32:
    """(128, 128): the picture at _PER_CELL samples a cell, its repetitions added up."""
    side, scale = SIDE * _PER_CELL, _PER_CELL / pitch
    height, width = picture.shape
    columns, rows = (-(-round(length * scale + 1) // side) * side for length in (width, height))
    # the picture's pixel centres onto the samples', less whole samples, which rolling moves
    right, down = round(left * scale), round(top * scale)
    x, y = (0.5 * scale - 0.5 + whole - at * scale for whole, at in ((right, left), (down, top)))
    turned = np.array([[scale, 0, x], [0, scale, y]])
    samples = cv2.warpAffine(picture, turned, (columns, rows), flags=cv2.INTER_LINEAR)
    folded = samples.reshape(rows // side, side, columns // side, side).sum(axis=(0, 2))
    return np.asarray(np.roll(folded, (-down, -right), axis=(0, 1)), np.float32)


def _searched(luma: U8) -> F32:
    scale = SIDE * PITCH_PX / min(luma.shape)
    size = (round(luma.shape[1] * scale), round(luma.shape[0] * scale))
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(luma, size, interpolation=way), np.float32)


def _mean(frames: list[F32]) -> F32:
    return np.asarray(np.mean(frames, axis=0), np.float32)


def _beside(luma: F32) -> F32:
    """What a picture has beside its neighbourhood, weighed by how little else there is."""
    rest = cv2.GaussianBlur(luma, (0, 0), 1.0) - cv2.GaussianBlur(luma, (0, 0), 1.6)
    usual = np.sqrt(cv2.GaussianBlur(rest * rest, (0, 0), 2.5) + 0.05)
    return np.asarray(np.clip(rest / usual, -2, 2) / usual, np.float32)
