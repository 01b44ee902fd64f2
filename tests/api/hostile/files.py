"""Files that only attackers send, and files that break off; each made here, none is kept."""

import gzip
import io
import struct
import tarfile
import wave
import zipfile
import zlib
from collections.abc import Callable, Iterator

import numpy as np
from PIL import Image, features
from skimage import data

from models.contracts import MAX_AUDIO_BYTES, MAX_IMAGE_BYTES

PNG = b"\x89PNG\r\n\x1a\n"
File = tuple[Callable[[], bytes], int, str]  # how it is made, the status, the code


def refused() -> dict[str, File]:
    found: dict[str, File] = {}
    for what, (content, status, code) in {**_strangers(), **_archives()}.items():
        found[what] = (_constant(content), status, code)
    for what, file in _pictures():
        found[what] = file
    found.update(_recordings())
    return found


def _constant(content: bytes) -> Callable[[], bytes]:
    return lambda: content


def _strangers() -> dict[str, tuple[bytes, int, str]]:
    """No picture and no recording, whatever they are called."""
    heads = {
        "nothing at all": b"",
        "one byte": b"\0",
        "zeros": b"\0" * 5_000,
        "spaces": b" " * 5_000,
        "text": b"hello",
        "UTF-16": "hello".encode("utf-16"),
        "HTML": b"<!doctype html><script>alert(1)</script>",
        "SVG": b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>',
        "SVG that reads files": b'<?xml version="1.0"?><!DOCTYPE svg [<!ENTITY x SYSTEM '
        b'"file:///etc/passwd">]><svg xmlns="http://www.w3.org/2000/svg"><text>&x;</text></svg>',
        "a billion laughs": b"<!DOCTYPE a [<!ENTITY a '" + b"&a;" * 1_000 + b"'>]><a>&a;</a>",
        "JSON": b'{"portrait": 1}',
        "a form": b'--a\r\nContent-Disposition: form-data; name="file"; filename="../x.png"\r\n\r\n'
        + PNG
        + b"\r\n--a--\r\n",
        "half a form": b'--a\r\nContent-Disposition: form-data; name="file"\r\n\r\n' + PNG,
        "base64": b"data:image/png;base64,iVBORw0KGgo=",
        "a program of Linux": b"\x7fELF\x02\x01\x01" + b"\0" * 100,
        "a program of Windows": b"MZ\x90\0" + b"\0" * 100,
        "a program of a Mac": b"\xcf\xfa\xed\xfe" + b"\0" * 100,
        "a shell script": b"#!/bin/sh\nrm -rf /\n",
        "a pickle": b"\x80\x04\x8c\x05posix\x94\x8c\x06system\x94\x93\x94\x8c\x02id\x94\x85\x94R.",
        "a PDF": b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n",
        "PostScript": b"%!PS-Adobe-3.0 EPSF-3.0\n(/etc/passwd) (r) file\n",
        "an ImageMagick script": b"push graphic-context\nfill 'url(https://x/\"|id\")'\n",
        "a playlist": b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n",
        "a playlist of concat": b"ffconcat version 1.0\nfile /etc/passwd\n",
        "a TIFF": b"II*\0\x08\0\0\0" + b"\0" * 100,
        "a TIFF of the other kind": b"MM\0*\0\0\0\x08" + b"\0" * 100,
        "an icon": b"\0\0\1\0\1\0\x10\x10\0\0\1\0\x20\0" + b"\0" * 100,
        "a bitmap": b"BM\x46\0\0\0\0\0\0\0\x36\0\0\0" + b"\0" * 100,
        "a Photoshop file": b"8BPS\0\1" + b"\0" * 100,
        "an OpenEXR": b"\x76\x2f\x31\x01" + b"\0" * 100,
        "a JPEG 2000": b"\0\0\0\x0cjP  \r\n\x87\n" + b"\0" * 100,
        "a DirectDraw surface": b"DDS |\0\0\0" + b"\0" * 100,
        "a WMF": b"\xd7\xcd\xc6\x9a" + b"\0" * 100,
        "an AVI": b"RIFF\x24\0\0\0AVI LIST" + b"\0" * 100,
        "a cursor in RIFF": b"RIFF\x24\0\0\0ACONanih" + b"\0" * 100,
        "a RIFF and no more": b"RIFF",
        "AIFF": b"FORM\0\0\0\x1eAIFFCOMM" + b"\0" * 100,
        "MIDI": b"MThd\0\0\0\6\0\1\0\1" + b"\0" * 100,
        "a database": b"SQLite format 3\0" + b"\0" * 100,
        "a font": b"\0\1\0\0\0\x0f\0\x80" + b"\0" * 100,
        "WebAssembly": b"\0asm\1\0\0\0",
    }
    made = {what: (head, 415, "upload_unsupported") for what, head in heads.items()}
    return {**made, "nothing at all": (b"", 422, "upload_empty")}


def _archives() -> dict[str, tuple[bytes, int, str]]:
    flat = b"\0" * 20_000_000
    zipped, tarred = io.BytesIO(), io.BytesIO()
    with zipfile.ZipFile(zipped, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("../../portrait.png", flat)
    with tarfile.open(fileobj=tarred, mode="w:gz") as archive:
        archive.addfile(tarfile.TarInfo("/etc/passwd"), io.BytesIO())
    bodies = {
        "a zip of death": zipped.getvalue(),
        "a tarball": tarred.getvalue(),
        "a gzip bomb": gzip.compress(flat),
        "a gzip in a gzip": gzip.compress(gzip.compress(flat)),
        "a compressed picture": gzip.compress(PNG + b"\0" * 100),
        "a bzip2": b"BZh91AY&SY" + b"\0" * 100,
        "an xz": b"\xfd7zXZ\0" + b"\0" * 100,
        "a zstd": b"\x28\xb5\x2f\xfd" + b"\0" * 100,
        "a 7z": b"7z\xbc\xaf\x27\x1c" + b"\0" * 100,
        "a RAR": b"Rar!\x1a\x07\x01\0" + b"\0" * 100,
        "a Word document": zipped.getvalue()[:60] + b"[Content_Types].xml",
        "a compressed SVG": gzip.compress(b"<svg/>"),
    }
    return {what: (body, 415, "upload_unsupported") for what, body in bodies.items()}


def chunk(kind: bytes, content: bytes, length: int | None = None) -> bytes:
    """Of a PNG; its length may lie."""
    checked = kind + content
    told = len(content) if length is None else length
    return struct.pack(">I", told) + checked + struct.pack(">I", zlib.crc32(checked))


def png(width: int, height: int, *more: bytes, depth: int = 8, kind: int = 2) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, 0)
    body = more or (chunk(b"IDAT", zlib.compress(b"\0" * 1_000)),)
    return PNG + chunk(b"IHDR", header) + b"".join(body) + chunk(b"IEND", b"")


def jpeg(**options: object) -> bytes:
    buffer = io.BytesIO()
    picture = Image.fromarray(data.astronaut())  # type: ignore[no-untyped-call]
    picture.save(buffer, "JPEG", **options)
    return buffer.getvalue()


def webp(width: int, height: int) -> bytes:
    """An extended header that promises that many pixels, and nothing behind it."""
    size = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    body = b"WEBPVP8X" + struct.pack("<I", 10) + b"\0\0\0\0" + size
    return b"RIFF" + struct.pack("<I", len(body)) + body


def gif(width: int, height: int, body: bytes = b"") -> bytes:
    return b"GIF89a" + struct.pack("<HHBBB", width, height, 0x80, 0, 0) + b"\0" * 6 + body


def box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", 8 + len(content)) + kind + content


def _pictures() -> Iterator[tuple[str, File]]:
    too_large, unreadable = (413, "image_too_large"), (422, "image_unreadable")
    whole = jpeg()
    for what, width, height in (
        ("400 megapixels", 20_000, 20_000),
        ("two gigapixels in a line", 2**31 - 1, 1),
        ("two gigapixels in a column", 1, 2**31 - 1),
        ("4 exapixels", 2**31 - 1, 2**31 - 1),
        ("51 megapixels", 10_000, 5_100),
    ):
        yield f"PNG: {what}", (_constant(png(width, height)), *too_large)
    yield "PNG: no pixels", (_constant(png(0, 0)), *unreadable)
    yield "PNG: no width", (_constant(png(0, 5)), *unreadable)
    yield "PNG: first bytes", (_constant(PNG), *unreadable)
    yield "PNG: random", (_constant(PNG + bytes(range(256)) * 8), *unreadable)
    yield "PNG: no data", (_constant(png(64, 64, chunk(b"tEXt", b"a"))), *unreadable)
    yield (
        "PNG: a chunk of 4 GB",
        (
            _constant(png(64, 64, chunk(b"IDAT", b"x", 2**32 - 1))),
            *unreadable,
        ),
    )
    yield "PNG: a chunk of -1", (_constant(png(64, 64, chunk(b"IDAT", b"x", 2**31))), *unreadable)
    yield "PNG: a wrong checksum", (_constant(png(64, 64)[:-20] + b"\0" * 20), *unreadable)
    yield (
        "PNG: data that isn't zlib",
        (
            _constant(png(64, 64, chunk(b"IDAT", b"\xff" * 99))),
            *unreadable,
        ),
    )
    yield "PNG: colour type 9", (_constant(png(64, 64, kind=9)), *unreadable)
    yield "PNG: depth 77", (_constant(png(64, 64, depth=77)), *unreadable)
    yield (
        "PNG: text that unpacks to 500 MB",
        (
            lambda: png(64, 64, chunk(b"zTXt", b"a\0\0" + zlib.compress(b"\0" * 500_000_000))),
            *unreadable,
        ),
    )
    yield (
        "PNG: a profile that unpacks to 500 MB",
        (
            lambda: png(64, 64, chunk(b"iCCP", b"a\0\0" + zlib.compress(b"\0" * 500_000_000))),
            *unreadable,
        ),
    )
    yield "PNG: half of one", (lambda: png_of_noise()[:100_000], *unreadable)
    yield (
        "PNG: 10 MB and a byte",
        (
            lambda: png(64, 64, chunk(b"tEXt", b"a" * MAX_IMAGE_BYTES)),
            *too_large,
        ),
    )
    yield "JPEG: first bytes", (_constant(b"\xff\xd8\xff\xe0"), *unreadable)
    yield "JPEG: half of one", (_constant(whole[: len(whole) // 2]), *unreadable)
    yield "JPEG: its last byte is missing", (_constant(whole[:-30]), *unreadable)
    yield "JPEG: only a header", (_constant(whole[:600]), *unreadable)
    yield "JPEG: no tables", (_constant(b"\xff\xd8\xff\xda" + b"\0" * 200), *unreadable)
    yield (
        "JPEG: 65,500 pixels square",
        (
            _constant(
                b"\xff\xd8\xff\xc0\0\x11\x08\xff\xdc\xff\xdc\3\1\x22\0\2\x11\1\3\x11\1\xff\xd9"
            ),
            *too_large,
        ),
    )
    yield (
        "JPEG: no height",
        (
            _constant(b"\xff\xd8\xff\xc0\0\x11\x08\0\0\xff\xdc\3\1\x22\0\2\x11\1\3\x11\1\xff\xd9"),
            *unreadable,
        ),
    )
    yield (
        "JPEG: a script behind its first bytes",
        (
            _constant(b"\xff\xd8\xff<?php system($_GET[0]); ?>"),
            *unreadable,
        ),
    )
    yield "JPEG: 10 MB and a byte", (lambda: whole + b"\0" * MAX_IMAGE_BYTES, *too_large)
    yield "GIF: 65,535 pixels square", (_constant(gif(65_535, 65_535, b";")), *unreadable)
    yield "GIF: no frame", (_constant(gif(64, 64, b";")), *unreadable)
    yield "GIF: no pixels", (_constant(gif(0, 0, b";")), *unreadable)
    yield (
        "GIF: a frame that breaks off",
        (
            _constant(gif(64, 64, b",\0\0\0\0\x40\0\x40\0\0\x08\xff")),
            *unreadable,
        ),
    )
    yield "GIF: polyglot of a script", (_constant(b"GIF89a/*" + b"\0" * 30 + b"*/=1;"), *unreadable)
    yield "WebP: 16,384 pixels square", (_constant(webp(16_384, 16_384)), *too_large)
    yield "WebP: first bytes", (_constant(b"RIFF\x04\0\0\0WEBP"), *unreadable)
    yield (
        "WebP: a chunk of 4 GB",
        (
            _constant(b"RIFF\xff\xff\xff\xffWEBPVP8L\xff\xff\xff\xff\x2f"),
            *unreadable,
        ),
    )
    for brand in (b"heic", b"mif1", b"avif", b"avis"):
        head = box(b"ftyp", brand + b"\0\0\0\0" + brand)
        name = brand.decode()
        yield f"{name}: first bytes", (_constant(head), *unreadable)
        yield (
            f"{name}: a box of 4 GB",
            (
                _constant(head + struct.pack(">I", 2**32 - 1) + b"meta" + b"\0" * 50),
                *unreadable,
            ),
        )
        yield f"{name}: boxes in boxes", (_constant(head + nested(200)), *unreadable)
    if features.check("avif"):
        yield "AVIF: half of one", (lambda: saved("AVIF")[:3_000], *unreadable)
    yield "WebP: half of one", (lambda: saved("WEBP")[:3_000], *unreadable)


def nested(depth: int) -> bytes:
    content = b""
    for _ in range(depth):
        content = box(b"meta", b"\0\0\0\0" + content)
    return content


def png_of_noise() -> bytes:
    pixels = np.random.default_rng(0).integers(0, 256, (512, 512, 3), np.uint8)
    return saved("PNG", Image.fromarray(pixels))


def saved(kind: str, picture: Image.Image | None = None) -> bytes:
    buffer = io.BytesIO()
    given = picture or Image.fromarray(data.astronaut())  # type: ignore[no-untyped-call]
    given.save(buffer, kind)
    return buffer.getvalue()


def wav(seconds: float = 1.0, rate: int = 8_000, *, width: int = 2, claimed: int = 0) -> bytes:
    """Its data chunk may claim another size than it has."""
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(width)
        file.setframerate(rate)
        file.writeframes(b"\x81" * int(seconds * rate * width))
    content = buffer.getvalue()
    return content[:40] + struct.pack("<I", claimed) + content[44:] if claimed else content


def _recordings() -> dict[str, File]:
    return {
        "WAV: no sound": (lambda: wav(0), 422, "audio_empty"),
        "WAV: an hour": (lambda: wav(3_600, width=1), 422, "audio_too_long"),
        "WAV: only its first bytes": (
            _constant(b"RIFF\0\0\0\0WAVE"),
            422,
            "audio_unreadable",
        ),
        "WAV: no rate": (lambda: wav()[:24] + b"\0" * 8 + wav()[32:], 422, "audio_unreadable"),
        "WAV: no channels": (lambda: wav()[:22] + b"\0\0" + wav()[24:], 422, "audio_unreadable"),
        "WAV: no bits": (lambda: wav()[:32] + b"\0\0\0\0" + wav()[36:], 422, "audio_unreadable"),
        "WAV: a format of 4 GB": (
            lambda: wav()[:16] + b"\xff\xff\xff\xff" + wav()[20:],
            422,
            "audio_unreadable",
        ),
        "WAV: half a header": (lambda: wav()[:30], 422, "audio_unreadable"),
        "WAV: 50 MB and a byte": (
            lambda: wav(5) + b"\0" * MAX_AUDIO_BYTES,
            413,
            "content_too_large",
        ),
        "MP3: 50 MB and a byte": (
            lambda: b"ID3" + b"\0" * (MAX_AUDIO_BYTES - 2),
            413,
            "content_too_large",
        ),
    }
