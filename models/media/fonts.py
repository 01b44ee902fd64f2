"""Letters as pixels: OpenCV's built-in font, or one of the system's where that cannot do.

OpenCV 5 carries Rubik (Latin, Cyrillic, Hebrew) and WenQuanYi Micro Hei (Greek, Chinese, Japanese,
Korean), so captions look the same everywhere. It draws from left to right and shapes nothing;
Arabic, Hebrew, Indic and Thai text goes through Pillow, HarfBuzz and FriBiDi instead.
"""

import unicodedata
from collections.abc import Iterator
from typing import Protocol

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont, features
from PIL.ImageFont import FreeTypeFont, Layout

from models.arrays import U8
from models.errors import MissingDependency

WEIGHT = 550
ASCENT, DESCENT = 1.05, 0.35  # of the size; room for accents on capitals, and for tails
MARGIN_PX = 2
SYSTEM_FONTS = (  # Pillow looks for them where each system keeps its fonts
    "NotoSansArabic-Medium.ttf",
    "NotoSansArabic-Regular.ttf",
    "NotoSansHebrew-Medium.ttf",
    "NotoSansHebrew-Regular.ttf",
    "NotoSansDevanagari-Regular.ttf",
    "NotoSansThai-Regular.ttf",
    "NotoSans-Regular.ttf",
    "DejaVuSans.ttf",
    "FreeSans.ttf",
    "Arial Unicode.ttf",
    "arial.ttf",
    "segoeui.ttf",
    "Nirmala.ttf",
)
EMOJI_PARTS = "\ufe0f\u200d\u20e3\U0001f3fb\U0001f3fc\U0001f3fd\U0001f3fe\U0001f3ff"
NO_CHARACTER = "\U0010ffff"  # drawn as the sign for what a font lacks


class Lettering(Protocol):
    """A font at one size."""

    def lacks(self, letters: set[str]) -> set[str]:
        """Those of the letters it cannot draw."""

    def draw(self, line: str) -> U8:
        """(h, w) coverage 0..255 of one line; h is the same for every line."""


def lettering_for(text: str, size_px: int) -> Lettering:
    """The first font with every letter of `text`.

    Raises MissingDependency if there is none, or if nothing here can shape its script.
    """
    letters = {letter for letter in text if not letter.isspace()}
    lacking = letters
    for font in _fonts(letters, size_px):
        missing = font.lacks(letters)
        if not missing:
            return font
        lacking = min(lacking, missing, key=len)
    raise MissingDependency(
        f"no font here can draw {' '.join(sorted(lacking)[:5])}: install a Noto font for that "
        "script, or take captions as a file beside the video"
    )


def drawable(text: str) -> str:
    """The text composed, and without emoji, which nobody speaks and few fonts have."""
    composed = unicodedata.normalize("NFC", text)
    kept = (
        letter
        for letter in composed
        if unicodedata.category(letter) not in {"So", "Co"} and letter not in EMOJI_PARTS
    )
    return " ".join("".join(kept).split())


class BuiltIn:
    """OpenCV's own font; the same on every machine."""

    def __init__(self, size_px: int) -> None:
        self._size, self._face = size_px, cv2.FontFace("sans")
        self._unknown = self.draw(NO_CHARACTER).tobytes()

    def lacks(self, letters: set[str]) -> set[str]:
        return {it for it in letters - {"?"} if self.draw(it).tobytes() == self._unknown}

    def draw(self, line: str) -> U8:
        ascent, height = _metrics(self._size)
        # OpenCV goes on in the next line where the picture ends, so that has to be far away
        room = 2 * MARGIN_PX + self._size * (len(line) + 1)
        coverage: U8 = np.zeros((height, room), np.uint8)
        origin = (MARGIN_PX, ascent)
        right, _ = cv2.putText(coverage, line, origin, (255,), self._face, self._size, WEIGHT)[0]
        return coverage[:, : right + MARGIN_PX]


class SystemFont:
    """A font file, shaped by HarfBuzz."""

    def __init__(self, font: FreeTypeFont, size_px: int) -> None:
        self._font, self._size = font, size_px
        self._unshaped = font.font_variant(layout_engine=Layout.BASIC)
        self._unknown = self._glyph(NO_CHARACTER)

    def lacks(self, letters: set[str]) -> set[str]:
        return {letter for letter in letters if self._glyph(letter) == self._unknown}

    def _glyph(self, letter: str) -> bytes:
        return bytes(self._unshaped.getmask(letter))

    def draw(self, line: str) -> U8:
        ascent, height = _metrics(self._size)
        width = 2 * MARGIN_PX + round(self._font.getlength(line))
        picture = Image.new("L", (width, height))
        where = (MARGIN_PX, ascent)
        ImageDraw.Draw(picture).text(where, line, fill=255, font=self._font, anchor="ls")
        return np.asarray(picture, np.uint8)


def _metrics(size_px: int) -> tuple[int, int]:
    """(baseline, height) of a line."""
    return round(ASCENT * size_px), round((ASCENT + DESCENT) * size_px)


def _fonts(letters: set[str], size_px: int) -> Iterator[Lettering]:
    right_to_left = {it for it in letters if unicodedata.bidirectional(it) in {"R", "AL"}}
    if not right_to_left:
        yield BuiltIn(size_px)
    elif not (features.check("raqm") and features.check("fribidi")):
        raise MissingDependency(
            f"right-to-left text ({min(right_to_left)}) needs the FriBiDi library: install "
            "libfribidi0, or take captions as a file beside the video"
        )
    for name in SYSTEM_FONTS:
        try:
            font = ImageFont.truetype(name, size_px)
        except OSError:  # not installed
            continue
        yield SystemFont(font, size_px)
