"""Decodes the picture a user gives into upright 8-bit sRGB, or says why it cannot.

Nothing is decoded before the file's size, its kind and the pixels its header promises are known
to be within limits. Only the first image of an animation is read; whatever is appended to a
picture is ignored, because only pixels go on from here.
"""

import hashlib
import struct
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError
from pillow_heif import register_heif_opener

from models.arrays import U8
from models.contracts import MAX_IMAGE_BYTES
from models.errors import ImageTooLarge, UnreadableImage, UnsupportedImage
from models.portrait.face import Picture

MAX_PIXELS = 50_000_000
STRIP = 256  # rows at a time where a pixel takes eight bytes on its way
MAX_SIDE = 2048  # larger pictures are scaled down: no frame is larger, and work grows with pixels
FORMATS = ("JPEG", "PNG", "WEBP", "HEIF", "AVIF", "GIF")
SAVE_AS = "save it as JPEG or PNG"

# How files begin that are sent instead of a picture, and those that we read.
STRANGERS = {
    b"%PDF": "a PDF document",
    b"PK\x03\x04": "a ZIP archive or office document",
    b"<svg": "an SVG drawing",
    b"<?xml": "an SVG drawing or another XML text",
    b"<!DOCTYPE": "a web page",
    b"<html": "a web page",
    b"BM": "a BMP picture",
    b"II*\0": "a TIFF picture",
    b"MM\0*": "a TIFF picture",
    b"8BPS": "a Photoshop document",
}
SIGNATURES = (b"\xff\xd8\xff", b"\x89PNG", b"RIFF", b"GIF8")

# What Pillow's decoders are known to raise on damaged data.
DECODER_ERRORS = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    LookupError,
    TypeError,
    ArithmeticError,
    RuntimeError,
    struct.error,
    zlib.error,
)

register_heif_opener()


def load_picture(path: Path, max_bytes: int = MAX_IMAGE_BYTES) -> Picture:
    """The first image of the file, at most MAX_SIDE pixels long.

    Raises ImageTooLarge, UnsupportedImage (no picture we read) or UnreadableImage (missing,
    damaged, no file).
    """
    name = printable(path.name)
    content = _read(path, name, max_bytes)
    with _translated(content, name):
        image = Image.open(BytesIO(content), formats=FORMATS)
        if image.width * image.height > MAX_PIXELS:
            raise ImageTooLarge(
                f"{name} is {image.width} x {image.height} pixels: "
                f"use one of at most {MAX_PIXELS // 1_000_000} megapixels"
            )
        rgb, alpha = _decode(image)
    return Picture(rgb, alpha, name, hashlib.sha256(content).hexdigest())


def printable(text: str) -> str:
    """The text as it may stand in a message: short and without control characters."""
    clean = "".join(character if character.isprintable() else "?" for character in text)
    return clean if len(clean) <= 80 else f"{clean[:40]}...{clean[-37:]}"


def _read(path: Path, name: str, max_bytes: int) -> bytes:
    try:
        if not path.is_file():
            what = "is no file" if path.exists() else "does not exist"
            raise UnreadableImage(f"{name or path} {what}: give the path of a JPEG or PNG picture")
        size = path.stat().st_size
        if size > max_bytes:
            raise ImageTooLarge(
                f"{name} has {size / 2**20:.1f} MB: use one of at most {max_bytes / 2**20:.0f} MB"
            )
        content = path.read_bytes()
    except OSError as error:
        reason = error.strerror or "no reason given"
        raise UnreadableImage(f"{name} cannot be read ({reason}): check its path") from error
    if not content:
        raise UnreadableImage(f"{name} is empty: export or download it again")
    return content


@contextmanager
def _translated(content: bytes, name: str) -> Iterator[None]:
    """Pillow's errors as ours, its warnings about odd metadata silenced."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            yield
        except Image.DecompressionBombError as error:
            raise ImageTooLarge(
                f"{name} unpacks to too many pixels: "
                f"use one of at most {MAX_PIXELS // 1_000_000} megapixels"
            ) from error
        except UnidentifiedImageError as error:
            raise _unidentified(content, name) from error
        except DECODER_ERRORS as error:
            raise UnreadableImage(f"{name} is damaged ({error}): {SAVE_AS} again") from error


def _unidentified(content: bytes, name: str) -> UnreadableImage | UnsupportedImage:
    if content.startswith(SIGNATURES) or content[4:8] == b"ftyp":
        return UnreadableImage(f"{name} begins like a picture but is damaged: {SAVE_AS} again")
    start = content[:256].lstrip(b"\xef\xbb\xbf \t\r\n")
    kinds = (kind for sign, kind in STRANGERS.items() if start.lower().startswith(sign.lower()))
    kind = next(kinds, "no picture we read")
    return UnsupportedImage(f"{name} is {kind}: use a JPEG, PNG, WebP or HEIC picture")


def _decode(image: Image.Image) -> tuple[U8, U8 | None]:
    image.draft("RGB", (MAX_SIDE, MAX_SIDE))  # JPEG decodes halved or quartered, much faster
    profile = image.info.get("icc_profile")
    image = _simple_mode(ImageOps.exif_transpose(image))
    image.thumbnail((MAX_SIDE, MAX_SIDE), Image.Resampling.LANCZOS)
    alpha = image.getchannel("A") if image.mode == "RGBA" else None
    rgb = _to_srgb(image.convert("RGB") if alpha else image, profile)
    if alpha is None or alpha.getextrema() == (255, 255):
        return np.asarray(rgb, np.uint8), None
    white = Image.new("RGB", rgb.size, "white")
    return np.asarray(Image.composite(rgb, white, alpha), np.uint8), np.asarray(alpha, np.uint8)


def _simple_mode(image: Image.Image) -> Image.Image:
    """The picture as L, RGB, RGBA or CMYK with 8 bits a channel."""
    if image.mode.startswith(("I", "F")):
        return _eight_bit(image)
    if image.has_transparency_data:
        return image.convert("RGBA")
    return image if image.mode in ("L", "RGB", "CMYK") else image.convert("RGB")


def _eight_bit(image: Image.Image) -> Image.Image:
    """Gray values of 16 or 32 bits, or floats 0..1, as 8 bits."""
    values = np.asarray(image)
    strips = [slice(row, row + STRIP) for row in range(0, len(values), STRIP)]
    peak = max((float(_finite(values[strip]).max(initial=0)) for strip in strips), default=0.0)
    if image.mode == "F":
        full = 1.0 if peak <= 1 else 255.0 if peak <= 255 else peak
    else:
        full = max(65535.0, peak)
    bright = np.empty(values.shape, np.uint8)
    for strip in strips:
        bright[strip] = (np.clip(_finite(values[strip]) / full, 0, 1) * 255).round()
    return Image.fromarray(bright)


def _finite(values: NDArray[Any]) -> NDArray[np.float64]:
    return np.nan_to_num(values.astype(np.float64))


def _to_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """Through its colour profile where that fits the picture, else as if it were sRGB."""
    if profile:
        try:
            source = ImageCms.ImageCmsProfile(BytesIO(profile))
            target = ImageCms.createProfile("sRGB")
            converted = ImageCms.profileToProfile(image, source, target, outputMode="RGB")
        except (
            ImageCms.PyCMSError,
            OSError,
        ):  # a profile of other channels, or damaged: the pixels are fine
            return image.convert("RGB")
        if converted is not None:
            return converted
    return image.convert("RGB")
