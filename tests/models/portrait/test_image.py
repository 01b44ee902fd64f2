import hashlib
import os
import struct
import zlib
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms
from PIL.PngImagePlugin import PngInfo

from models.arrays import U8
from models.errors import ImageTooLarge, PortraitError, UnreadableImage, UnsupportedImage
from models.portrait.image import MAX_SIDE, load_picture, printable

LEFT, RIGHT = (200, 40, 30), (20, 60, 180)
ORIENTATION = 0x0112


def two_halves(width: int = 80, height: int = 60) -> Image.Image:
    """Red left, blue right, the top row of blocks brighter: tells every orientation apart."""
    image = Image.new("RGB", (width, height), LEFT)
    image.paste(RIGHT, (width // 2, 0, width, height))
    image.paste("white", (0, 0, width // 4, height // 4))
    return image


def saved(folder: Path, image: Image.Image, kind: str, **options: object) -> Path:
    path = folder / f"picture.{kind.lower()}"
    image.save(path, kind, **options)
    return path


def content(image: Image.Image, kind: str) -> bytes:
    buffer = BytesIO()
    image.save(buffer, kind)
    return buffer.getvalue()


def png_header(width: int, height: int) -> bytes:
    """A PNG that promises many pixels and has none."""
    chunks = b""
    for kind, data in (
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)),
        (b"IDAT", zlib.compress(b"")),
        (b"IEND", b""),
    ):
        chunks += struct.pack(">I", len(data)) + kind + data
        chunks += struct.pack(">I", zlib.crc32(kind + data))
    return b"\x89PNG\r\n\x1a\n" + chunks


def close(rgb: U8, x: int, y: int, colour: tuple[int, int, int], tolerance: int = 6) -> bool:
    return bool(np.abs(rgb[y, x].astype(int) - colour).max() <= tolerance)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "HEIF", "GIF", "AVIF"])
def test_formats_decode_to_the_same_colours(tmp_path: Path, kind: str) -> None:
    picture = load_picture(saved(tmp_path, two_halves(), kind))
    assert picture.size == (80, 60)
    assert close(picture.rgb, 30, 40, LEFT, tolerance=12)
    assert close(picture.rgb, 60, 40, RIGHT, tolerance=12)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_applied(tmp_path: Path, orientation: int) -> None:
    turns = {
        1: lambda image: image,
        2: lambda image: image.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
        3: lambda image: image.transpose(Image.Transpose.ROTATE_180),
        4: lambda image: image.transpose(Image.Transpose.FLIP_TOP_BOTTOM),
        5: lambda image: image.transpose(Image.Transpose.TRANSPOSE),
        6: lambda image: image.transpose(Image.Transpose.ROTATE_90),
        7: lambda image: image.transpose(Image.Transpose.TRANSVERSE),
        8: lambda image: image.transpose(Image.Transpose.ROTATE_270),
    }
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    path = saved(tmp_path, turns[orientation](two_halves()), "PNG", exif=exif)
    assert np.array_equal(load_picture(path).rgb, np.asarray(two_halves()))


def test_heic_is_turned_once(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    turned = two_halves().transpose(Image.Transpose.ROTATE_90)
    picture = load_picture(saved(tmp_path, turned, "HEIF", exif=exif.tobytes(), quality=95))
    assert picture.size == (80, 60)
    assert close(picture.rgb, 60, 40, RIGHT, tolerance=12)


def test_alpha_is_kept_and_lies_over_white(tmp_path: Path) -> None:
    image = two_halves()
    image.putalpha(Image.linear_gradient("L").resize(image.size))
    picture = load_picture(saved(tmp_path, image, "PNG"))
    assert picture.alpha is not None
    assert np.array_equal(picture.alpha, np.asarray(image.getchannel("A")))
    share = picture.alpha[40, 60] / 255
    expected = np.multiply(RIGHT, share) + 255 * (1 - share)
    assert np.abs(picture.rgb[40, 60] - expected).max() <= 2


def test_alpha_that_hides_nothing_is_dropped(tmp_path: Path) -> None:
    image = two_halves()
    image.putalpha(255)
    assert load_picture(saved(tmp_path, image, "PNG")).alpha is None


def test_a_transparent_palette_becomes_alpha(tmp_path: Path) -> None:
    image = two_halves().quantize(4)
    picture = load_picture(saved(tmp_path, image, "PNG", transparency=image.getpixel((30, 40))))
    assert picture.alpha is not None
    assert (picture.alpha[40, 30], picture.alpha[40, 60]) == (0, 255)
    assert close(picture.rgb, 30, 40, (255, 255, 255))


def test_cmyk_is_converted(tmp_path: Path) -> None:
    picture = load_picture(saved(tmp_path, two_halves().convert("CMYK"), "JPEG", quality=95))
    assert close(picture.rgb, 60, 40, RIGHT, tolerance=12)


@pytest.mark.parametrize("mode", ["L", "1", "LA", "P"])
def test_gray_and_palette_pictures_become_colour(tmp_path: Path, mode: str) -> None:
    picture = load_picture(saved(tmp_path, Image.new("L", (8, 8), 255).convert(mode), "PNG"))
    assert picture.rgb.shape == (8, 8, 3)
    assert close(picture.rgb, 4, 4, (255, 255, 255))


def test_sixteen_bit_gray_keeps_its_range(tmp_path: Path) -> None:
    ramp = np.linspace(0, 65535, 256).astype(np.uint16)
    picture = load_picture(saved(tmp_path, Image.fromarray(np.tile(ramp, (4, 1))), "PNG"))
    assert np.abs(picture.rgb[0, :, 0].astype(int) - np.arange(256)).max() <= 1


def test_dark_sixteen_bit_gray_stays_dark(tmp_path: Path) -> None:
    dark = Image.fromarray(np.full((4, 4), 200, np.uint16))
    assert load_picture(saved(tmp_path, dark, "PNG")).rgb.max() <= 1


def test_a_colour_profile_is_applied(tmp_path: Path) -> None:
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    as_it_is = load_picture(saved(tmp_path, two_halves(), "PNG", icc_profile=srgb))
    assert close(as_it_is.rgb, 60, 40, RIGHT)
    misfit = load_picture(saved(tmp_path, two_halves(), "PNG", icc_profile=lab))
    assert close(misfit.rgb, 60, 40, RIGHT)


def test_a_damaged_colour_profile_does_no_harm(tmp_path: Path) -> None:
    picture = load_picture(saved(tmp_path, two_halves(), "PNG", icc_profile=b"no profile"))
    assert close(picture.rgb, 60, 40, RIGHT)


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP"])
def test_of_an_animation_the_first_image_counts(tmp_path: Path, kind: str) -> None:
    others = [Image.new("RGB", (80, 60), "lime")] * 3
    options = {"lossless": True} if kind == "WEBP" else {}
    path = saved(tmp_path, two_halves(), kind, save_all=True, append_images=others, **options)
    assert close(load_picture(path).rgb, 60, 40, RIGHT)


@pytest.mark.parametrize("size", [(5000, 2500), (2500, 5000), (9000, 3)])
def test_large_pictures_are_scaled_down(tmp_path: Path, size: tuple[int, int]) -> None:
    picture = load_picture(saved(tmp_path, two_halves(*size), "JPEG"))
    assert max(picture.size) == MAX_SIDE
    assert picture.size[0] / size[0] == pytest.approx(MAX_SIDE / max(size), rel=0.01)


def test_the_hash_is_that_of_the_file(tmp_path: Path) -> None:
    path = saved(tmp_path, two_halves(), "PNG")
    assert load_picture(path).sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_what_is_appended_to_a_picture_is_ignored(tmp_path: Path) -> None:
    path = saved(tmp_path, two_halves(), "PNG")
    path.write_bytes(path.read_bytes() + b"PK\x03\x04<script>alert(1)</script>")
    assert np.array_equal(load_picture(path).rgb, np.asarray(two_halves()))


JPEG = content(two_halves(), "JPEG")
PNG = content(two_halves(), "PNG")


def png_with_a_text_bomb() -> bytes:
    info = PngInfo()
    info.add_text("comment", "a" * 80_000_000, zip=True)
    buffer = BytesIO()
    two_halves().save(buffer, "PNG", pnginfo=info)
    return buffer.getvalue()


BAD_FILES = {
    "empty": (b"", UnreadableImage, "is empty"),
    "truncated JPEG": (JPEG[: len(JPEG) // 2], UnreadableImage, "is damaged"),
    "JPEG without its end": (JPEG[:-40], UnreadableImage, "is damaged"),
    "truncated PNG": (PNG[:-60], UnreadableImage, "is damaged"),
    "only a JPEG signature": (JPEG[:3], UnreadableImage, "damaged"),
    "PNG of noise": (PNG[:8] + bytes(range(256)), UnreadableImage, "damaged"),
    "400 megapixels": (png_header(20_000, 20_000), ImageTooLarge, "at most 50 megapixels"),
    "60 megapixels": (png_header(10_000, 6_000), ImageTooLarge, "10000 x 6000 pixels"),
    "a promise of pixels": (png_header(2**31 - 1, 2**31 - 1), ImageTooLarge, "megapixels"),
    "no pixels": (png_header(0, 0), PortraitError, "picture"),
    "SVG": (b"<svg xmlns='http://www.w3.org/2000/svg'/>", UnsupportedImage, "an SVG drawing"),
    "SVG with a prolog": (b"\xef\xbb\xbf <?xml version='1.0'?><svg/>", UnsupportedImage, "SVG"),
    "web page": (b"<!DOCTYPE html><html></html>", UnsupportedImage, "a web page"),
    "PDF": (b"%PDF-1.7\n" + JPEG, UnsupportedImage, "a PDF document"),
    "ZIP": (b"PK\x03\x04" + PNG, UnsupportedImage, "a ZIP archive"),
    "GIF and script in one": (b"GIF89a/*<svg/onload=alert(1)>*/", UnreadableImage, "damaged"),
    "text": (b"not a picture at all", UnsupportedImage, "no picture we read"),
    "BMP": (content(two_halves(), "BMP"), UnsupportedImage, "a BMP picture"),
    "TIFF": (content(two_halves(), "TIFF"), UnsupportedImage, "a TIFF picture"),
    "text bomb": (png_with_a_text_bomb(), UnreadableImage, "is damaged"),
    "zeros": (bytes(4096), UnsupportedImage, "no picture we read"),
    "sound": (b"RIFF\x24\0\0\0WAVEfmt " + bytes(64), UnreadableImage, "damaged"),
}


@pytest.mark.parametrize("case", BAD_FILES)
def test_bad_files_are_refused_with_a_remedy(tmp_path: Path, case: str) -> None:
    data, error, text = BAD_FILES[case]
    path = tmp_path / "picture.jpg"
    path.write_bytes(data)
    with pytest.raises(error) as caught:
        load_picture(path)
    message = str(caught.value)
    assert text in message
    assert message.startswith("picture.jpg ")
    assert ": " in message  # the remedy
    assert "\n" not in message


def test_too_many_bytes_are_refused_before_decoding(tmp_path: Path) -> None:
    path = saved(tmp_path, two_halves(), "PNG")
    with pytest.raises(ImageTooLarge, match="at most 0 MB"):
        load_picture(path, max_bytes=100)


def test_a_missing_file_is_named() -> None:
    with pytest.raises(UnreadableImage, match=r"nobody\.png does not exist"):
        load_picture(Path("nowhere/nobody.png"))


def test_a_directory_is_no_picture(tmp_path: Path) -> None:
    with pytest.raises(UnreadableImage, match="is no file"):
        load_picture(tmp_path)


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    with pytest.raises(UnreadableImage, match="is no file"):
        load_picture(tmp_path / "pipe.png")


@pytest.mark.parametrize(
    "name", ["../../etc/passwd\0.png", "a\nb.png", "\x1b[31mred.png", "x" * 4000 + ".png"]
)
def test_strange_names_do_not_reach_the_message(tmp_path: Path, name: str) -> None:
    with pytest.raises(UnreadableImage) as caught:
        load_picture(tmp_path / name)
    message = str(caught.value)
    assert message.isprintable()
    assert len(message) < 200
    assert ".." not in message.replace("...", "")


def test_names_in_other_scripts_stay_readable() -> None:
    assert printable("肖像 портрет.jpg") == "肖像 портрет.jpg"
