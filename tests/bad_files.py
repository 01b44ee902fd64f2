"""Files that people really send, and some that only attackers do."""

import io
import struct
import wave
import zlib
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import soundfile
from PIL import Image
from skimage import data

RATE_HZ = 16_000
SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><circle r="9"/></svg>'
WEB_PAGE = b"<!DOCTYPE html><script>alert(1)</script>"


def astronaut() -> Image.Image:
    return Image.fromarray(data.astronaut())  # type: ignore[no-untyped-call]


def cat() -> Image.Image:
    return Image.fromarray(data.cat())  # type: ignore[no-untyped-call]


def rocket() -> Image.Image:
    return Image.fromarray(data.rocket())  # type: ignore[no-untyped-call]


def saved(picture: Image.Image, path: Path) -> Path:
    picture.save(path)
    return path


def jpeg(picture: Image.Image) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG")
    return buffer.getvalue()


def written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def sparse(path: Path, size: int) -> Path:
    """A file of that many bytes that takes no room."""
    with path.open("wb") as file:
        file.truncate(size)
    return path


def huge_png(path: Path) -> Path:
    """A header that promises 400 megapixels."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return (
            struct.pack(">I", len(content))
            + kind
            + content
            + struct.pack(">I", zlib.crc32(kind + content))
        )

    header = struct.pack(">IIBBBBB", 20_000, 20_000, 8, 2, 0, 0, 0)
    pixels = chunk(b"IDAT", zlib.compress(b"\0" * 1000))
    return written(path, b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + pixels)


def flat(path: Path, level: int) -> Path:
    return saved(Image.new("RGB", (512, 512), (level,) * 3), path)


def noise(path: Path) -> Path:
    pixels = np.random.default_rng(0).integers(0, 256, (512, 512, 3), np.uint8)
    return saved(Image.fromarray(pixels), path)


def back_of_a_head(path: Path) -> Path:
    """Hair on a neck before a wall."""
    pixels = np.full((512, 512, 3), (190, 185, 175), np.uint8)
    cv2.ellipse(pixels, (256, 520), (190, 150), 0, 0, 360, (60, 70, 120), -1)
    cv2.rectangle(pixels, (215, 330), (297, 420), (200, 160, 140), -1)
    cv2.ellipse(pixels, (256, 230), (110, 145), 0, 0, 360, (70, 50, 35), -1)
    grain = np.random.default_rng(0).normal(0, 12, pixels.shape)
    return saved(Image.fromarray(np.clip(pixels + grain, 0, 255).astype(np.uint8)), path)


def crowd(path: Path) -> Path:
    """Forty-nine faces, each too small."""
    small = astronaut().crop((140, 20, 340, 220)).resize((120, 120))
    together = Image.new("RGB", (840, 840))
    for index in range(49):
        together.paste(small, (index % 7 * 120, index // 7 * 120))
    return saved(together, path)


def blurred(path: Path) -> Path:
    pixels = cv2.GaussianBlur(np.asarray(astronaut()), (0, 0), 4)
    return saved(Image.fromarray(np.asarray(pixels, np.uint8)), path)


def sound(path: Path, samples: np.ndarray[tuple[int], np.dtype[np.float32]]) -> Path:
    """Mono, in the format that the name says; WAV as 32-bit float, so that NaN stays NaN."""
    subtype = "FLOAT" if path.suffix == ".wav" else None
    soundfile.write(path, samples, RATE_HZ, subtype=subtype)
    return path


def tone(seconds: float, level: float) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    time_s = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    wavering = np.sin(2 * np.pi * 180 * time_s) * (0.6 + 0.4 * np.sin(2 * np.pi * 4 * time_s))
    return (level * wavering).astype(np.float32)


def wav_without_samples(path: Path) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE_HZ)
    return path


def lying_wav(path: Path) -> Path:
    """A header that promises an hour over four samples."""
    wav_without_samples(path)
    header = bytearray(path.read_bytes())
    struct.pack_into("<I", header, 40, 3600 * RATE_HZ * 2)
    return written(path, bytes(header) + b"\0\0" * 4)


def three_hours(path: Path) -> Path:
    with soundfile.SoundFile(path, "w", 8_000, 1, format="FLAC") as file:
        hiss = np.random.default_rng(0).normal(0, 0.0001, 8_000 * 60).astype(np.float32)
        for _ in range(180):
            file.write(hiss)
    return path


def silent_film(path: Path) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=Fraction(25))
        stream.width = stream.height = 64
        for _ in range(5):
            frame = av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path
