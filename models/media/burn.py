"""Captions painted into frames: light letters on a dark, rounded, translucent plate."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw

from models.arrays import F32, U8, U16
from models.media.captions import Cue
from models.media.fonts import Lettering, drawable, lettering_for

PLATE = 0.62  # its opacity
PADDING, ROUNDING = 0.42, 0.38  # of the letters' size
LINE_GAP = -0.06
SIDE_MARGIN = 0.06  # of the width, on either side
BOTTOM_MARGIN, TALL_BOTTOM_MARGIN = 0.06, 0.14  # of the height; players cover more of a tall one
SMOOTHING = 4  # the plate is drawn that much larger


def columns_for(size: tuple[int, int]) -> int:
    """Letters a line that stay legible at a video's (width, height)."""
    width, height = size
    return 42 if width > height else 32 if width == height else 26


@dataclass(frozen=True)
class Plate:
    """A caption ready to be blended: where it goes, and what it does there."""

    top: int
    left: int
    keep: U16  # (h, w, 3) how much of the frame shows through, 0..256
    add: U16  # (h, w, 3) white that comes on top, 0..65280


class CaptionBurner:
    """Paints the cues of one video.

    Raises MissingDependency if no font here can draw them.
    """

    def __init__(self, cues: Sequence[Cue], size: tuple[int, int], fps: Fraction) -> None:
        self._cues, self._size, self._fps = cues, size, fps
        self._starts = [cue.start_s for cue in cues]
        self._letters_px = letter_size(size)
        lines = [drawable(line) for cue in cues for line in cue.lines]
        self._lettering = lettering_for("".join(lines), self._letters_px)
        self._plate = lru_cache(maxsize=2)(self._draw)

    def burn(self, batch: U8, first_frame: int) -> U8:
        """(B, H, W, 3 or 4) frames from `first_frame` on; painted in place and returned."""
        for offset, picture in enumerate(batch):
            index = self._cue_at(float((first_frame + offset + Fraction(1, 2)) / self._fps))
            plate = None if index is None else self._plate(index)
            if plate:
                blend(picture, plate)
        return batch

    def _cue_at(self, time_s: float) -> int | None:
        index = bisect_right(self._starts, time_s) - 1
        return index if index >= 0 and time_s < self._cues[index].end_s else None

    def _draw(self, index: int) -> Plate | None:
        lines = [text for line in self._cues[index].lines if (text := drawable(line))]
        return _plate(lines, self._lettering, self._letters_px, self._size) if lines else None


def letter_size(size: tuple[int, int]) -> int:
    width, height = size
    usable = width * (1 - 2 * SIDE_MARGIN)
    return max(10, round(min(usable / columns_for(size) / 0.56, height * 0.058)))


def _plate(lines: list[str], font: Lettering, letters_px: int, size: tuple[int, int]) -> Plate:
    plate = drawn(lines, font, letters_px, size)
    height, width, _ = plate.keep.shape
    bottom = round(size[1] * (TALL_BOTTOM_MARGIN if size[1] > size[0] else BOTTOM_MARGIN))
    return replace(plate, top=size[1] - bottom - height, left=(size[0] - width) // 2)


def drawn(lines: list[str], font: Lettering, letters_px: int, size: tuple[int, int]) -> Plate:
    """The lines in the middle of their plate, which lies at the top left still."""
    rows = [_narrowed(font.draw(line), round(size[0] * (1 - 2 * SIDE_MARGIN))) for line in lines]
    padding, gap = round(PADDING * letters_px), round(LINE_GAP * letters_px)
    width = max(row.shape[1] for row in rows) + 2 * padding
    height = sum(row.shape[0] for row in rows) + gap * (len(rows) - 1) + padding
    text = np.zeros((height, width), np.float32)
    top = padding // 2
    for row in rows:
        left = (width - row.shape[1]) // 2
        place = text[top : top + row.shape[0], left : left + row.shape[1]]
        np.maximum(place, row / np.float32(255), out=place)
        top += row.shape[0] + gap
    shade = PLATE * _rounded(width, height, round(ROUNDING * letters_px))
    keep, add = 256 * (1 - shade) * (1 - text), 255 * 256 * text
    return Plate(0, 0, _in_colour(keep), _in_colour(add))


def _in_colour(values: F32) -> U16:
    """(h, w) to (h, w, 3), so that blending need not spread it for every frame."""
    return np.repeat(np.rint(values).astype(np.uint16)[..., None], 3, axis=2)


def _narrowed(row: U8, room: int) -> U8:
    """Squeezed where wide letters would leave the frame."""
    if row.shape[1] <= room:
        return row
    return np.asarray(Image.fromarray(row).resize((room, row.shape[0])), np.uint8)


def _rounded(width: int, height: int, radius: int) -> F32:
    """(height, width) 1 inside a rounded rectangle, with smooth edges."""
    large = Image.new("L", (width * SMOOTHING, height * SMOOTHING))
    corner = (large.width - 1, large.height - 1)
    ImageDraw.Draw(large).rounded_rectangle(((0, 0), corner), radius * SMOOTHING, fill=255)
    small = large.resize((width, height), Image.Resampling.BOX)
    return np.asarray(small, np.float32) / np.float32(255)


def blend(picture: U8, plate: Plate) -> None:
    height, width, _ = plate.keep.shape
    place = picture[plate.top : plate.top + height, plate.left : plate.left + width]
    if picture.shape[2] == 3:
        place[:] = (place * plate.keep + plate.add) >> 8
        return
    own, keep = place[..., 3:] / np.float32(255), plate.keep / np.float32(256)
    opaque = 1 - (1 - own) * keep  # the same for all colours
    colour = (place[..., :3] * own * keep + plate.add / np.float32(256)) / np.maximum(opaque, 1e-6)
    place[:] = np.concatenate([colour, 255 * opaque[..., :1]], axis=2) + 0.5
