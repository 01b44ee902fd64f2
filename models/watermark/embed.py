"""A mark in the luma of frames: stronger where the picture hides it, faint where it is flat."""

import cv2
import numpy as np

from models.arrays import F32, U8
from models.watermark.code import SIDE, square

FLAT, PER_LEVEL, MOST = 1.7, 0.1, 2.5  # levels of luma: where nothing hides it, and by activity


class Marker:
    """Marks the frames of one segment with one payload.

    Its first frame decides how strong the mark is where: a mark that stands still costs an encoder
    least, and adding it costs a frame next to nothing.
    """

    def __init__(self, payload: int, size: tuple[int, int]) -> None:
        self._size = size
        columns, rows = (max(1, round(length * SIDE / min(size))) for length in size)
        across, down = np.arange(columns) % SIDE, np.arange(rows) % SIDE
        self._cells = square(payload)[np.ix_(down, across)]
        self._twice = (2 * columns, 2 * rows)
        self._lighter: U8 | None = None
        self._darker: U8 | None = None

    def __call__(self, luma: U8) -> U8:
        """(H, W) 16..235, marked; the array given stays as it is."""
        if self._lighter is None or self._darker is None:
            change = np.rint(self.change(luma))
            self._lighter, self._darker = (
                np.asarray(np.maximum(side, 0), np.uint8) for side in (change, -change)
            )
        marked = cv2.add(luma, self._lighter)
        return np.asarray(cv2.subtract(marked, self._darker, dst=marked), np.uint8)

    def change(self, luma: U8) -> F32:
        """(H, W) levels that a frame like this one is given."""
        cells = self._cells * self._strength(luma)
        change = cv2.resize(cells, self._size, interpolation=cv2.INTER_LINEAR)
        return np.asarray(change, np.float32)

    def _strength(self, luma: U8) -> F32:
        """One for each cell, from what surrounds it."""
        small = cv2.resize(luma, self._twice, interpolation=cv2.INTER_AREA)
        busy = cv2.blur(cv2.absdiff(small, cv2.blur(small, (5, 5))), (5, 5))
        height, width = self._cells.shape
        around = cv2.resize(busy, (width, height), interpolation=cv2.INTER_AREA)
        return np.asarray(np.minimum(FLAT + PER_LEVEL * around, MOST), np.float32)
