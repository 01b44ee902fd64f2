"""Every frame that is decoded on the way to the sampled ones, watched by a few numbers each."""

import cv2
import numpy as np
from av import VideoFrame

from models.arrays import F32, U8
from models.media.colour import plane_pixels
from models.quality.measured import Film

EVERY_PIXEL = 4  # of rows and columns is enough
BORDER = 0.02  # of the short side


class Watcher:
    """Is shown frames in rising order, as they are decoded."""

    def __init__(self) -> None:
        self._rows: list[tuple[float, ...]] = []
        self._numbers: list[int] = []
        self._before: list[U8] = []  # the last two, if they follow each other
        self._steps: list[float] = []  # their change
        self._border: F32 | None = None
        self._border_before = 0.0

    def __call__(self, number: int, frame: VideoFrame) -> None:
        luma = plane_pixels(frame.planes[0])
        size = (max(8, luma.shape[1] // EVERY_PIXEL), max(8, luma.shape[0] // EVERY_PIXEL))
        small = np.asarray(cv2.resize(luma, size, interpolation=cv2.INTER_AREA), np.uint8)
        follows = bool(self._numbers) and self._numbers[-1] == number - 1
        if not follows:
            self._before = []
        change = _apart(small, self._before[-1]) if self._before else np.nan
        if len(self._before) == 2:
            back = min(self._rows[-1][1], change) - _apart(small, self._before[0])
            self._rows[-1] = (*self._rows[-1][:2], back, *self._rows[-1][3:])
        self._before = [*self._before[-1:], small]
        border = _border(small)
        if self._border is None:
            self._border = border
        mean, step = float(border.mean()), float(border.mean()) - self._border_before
        edge = float(np.abs(border - self._border).mean())
        self._rows.append((float(small.mean()), change, np.nan, edge, step if follows else np.nan))
        self._numbers.append(number)
        self._border_before = mean

    def film(self) -> Film:
        rows = np.array(self._rows, np.float32).reshape(-1, 5).T
        return Film(np.array(self._numbers, np.int64), *rows)


def _apart(one: U8, other: U8) -> float:
    """Mean |difference| in levels."""
    return float(cv2.norm(one, other, cv2.NORM_L1)) / one.size


def _border(small: U8) -> F32:
    """(M,) the pixels along the frame's sides."""
    wide = max(1, round(BORDER * min(small.shape)))
    parts = (small[:wide], small[-wide:], small[:, :wide], small[:, -wide:])
    return np.concatenate([part.ravel() for part in parts]).astype(np.float32)
