"""Still pictures of a finished video: a thumbnail, and a contact sheet to judge it by."""

from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
from PIL import Image

from models.arrays import F32, U8
from models.media.files import replacing, writing_to
from models.media.fonts import BuiltIn
from models.motion.tracks import MOUTH_CHANNELS, MotionTrack

COLUMNS = 5
CELL_PX = 360
GAP_PX = 8
LABEL_PX = 17
PAPER, INK = (24, 24, 27), (228, 228, 231)
JPEG_QUALITY = 90
PNG_LEVEL = 1  # four times as fast as the default, for a tenth more bytes
RESTING_GAP = 0.015  # units of S: lips just apart
SETTLED_S = 0.4

Box = tuple[float, float, float, float]  # left, top, right, bottom, in pixels of the frame


def contact_sheet(
    frames: Sequence[tuple[float, U8]],
    out: Path,
    *,
    crops: Mapping[str, Box] | None = None,
    columns: int = COLUMNS,
) -> None:
    """A PNG of (time_s, (H, W, 3) RGB) frames, each with its close-ups below it.

    Raises DiskFull, OutputNotWritable.
    """
    boxes = list((crops or {}).values())
    cells = [_cell(time_s, picture, boxes) for time_s, picture in frames]
    sheet = _arranged(cells, min(columns, len(cells)))
    _save(sheet, out, "PNG", compress_level=PNG_LEVEL)


def thumbnail(picture: U8, out: Path) -> None:
    """A JPEG of one (H, W, 3) RGB frame. Raises DiskFull, OutputNotWritable."""
    _save(Image.fromarray(picture), out, "JPEG", quality=JPEG_QUALITY, subsampling=0)


def calm_frame(motion: MotionTrack, fps: Fraction) -> int:
    """The frame that flatters most: eyes open, mouth at rest, head straight, gaze ahead."""
    mouth = dict(zip(MOUTH_CHANNELS, motion.mouth.T, strict=True))
    unease: F32 = (
        6 * motion.blink
        + 20 * np.abs(mouth["gap"] - RESTING_GAP)
        + mouth["pucker"]
        + mouth["ff"]
        + 10 * np.abs(motion.gaze).sum(axis=1)
        + 2 * np.abs(motion.head[:, 2:]).sum(axis=1)
    )
    first = min(round(SETTLED_S * fps), len(motion) - 1)
    return first + int(np.argmin(unease[first:]))


def _cell(time_s: float, picture: U8, boxes: Sequence[Box]) -> Image.Image:
    """Time, frame and close-ups below each other, CELL_PX wide."""
    image = Image.fromarray(picture)
    parts = [_label(f"{int(time_s // 60)}:{time_s % 60:05.2f}"), _wide(image)]
    parts += [_wide(image.crop(_inside(box, image.size))) for box in boxes]
    cell = Image.new("RGB", (CELL_PX, sum(part.height for part in parts)), PAPER)
    top = 0
    for part in parts:
        cell.paste(part, (0, top))
        top += part.height
    return cell


def _wide(image: Image.Image) -> Image.Image:
    height = max(1, round(image.height * CELL_PX / image.width))
    return image.resize((CELL_PX, height), Image.Resampling.LANCZOS)


def _inside(box: Box, size: tuple[int, int]) -> tuple[int, int, int, int]:
    """The box in whole pixels, at least one, within the picture."""
    left, top = (min(max(0, int(at)), end - 1) for at, end in zip(box[:2], size, strict=True))
    right, bottom = (min(round(at), end) for at, end in zip(box[2:], size, strict=True))
    return left, top, max(right, left + 1), max(bottom, top + 1)


def _label(text: str) -> Image.Image:
    ink = Image.fromarray(BuiltIn(LABEL_PX).draw(text))
    label = Image.new("RGB", ink.size, PAPER)
    label.paste(INK, (0, 0), ink)
    return label


def _arranged(cells: Sequence[Image.Image], columns: int) -> Image.Image:
    width, height = CELL_PX + GAP_PX, max(cell.height for cell in cells) + GAP_PX
    rows = -(-len(cells) // columns)
    sheet = Image.new("RGB", (columns * width + GAP_PX, rows * height + GAP_PX), PAPER)
    for index, cell in enumerate(cells):
        row, column = divmod(index, columns)
        sheet.paste(cell, (GAP_PX + column * width, GAP_PX + row * height))
    return sheet


def _save(image: Image.Image, out: Path, format: str, **options: int) -> None:
    with replacing(out) as part, writing_to(out), part.open("wb") as file:
        image.save(file, format=format, **options)
