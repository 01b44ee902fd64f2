"""Every hostile file is refused with its code, and neither it nor a part of it is kept."""

import io
import struct
from pathlib import Path

import httpx
import numpy as np
import pytest
from PIL import Image

from tests.api.hostile.conftest import MB, Target
from tests.api.hostile.files import jpeg, refused, wav

FILES = refused()
PEAK_MB = 900  # while the largest picture that is taken is decoded
BINARY = {"Content-Type": "application/octet-stream"}


def upload(target: Target, content: bytes) -> httpx.Response:
    headers = {**BINARY, "Authorization": f"Bearer {target.key}"}
    return target.http.post("/v1/uploads", content=content, headers=headers, timeout=60)


@pytest.mark.parametrize("what", FILES)
def test_a_file_is_refused_with_its_code(target: Target, what: str) -> None:
    make, status, code = FILES[what]
    answer = upload(target, make())
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["remedy"]
    target.is_unmoved()


def animated(kind: str, frames: int) -> bytes:
    buffer = io.BytesIO()
    pixels = np.random.default_rng(0).integers(0, 256, (frames, 64, 64, 3), np.uint8)
    first, *rest = [Image.fromarray(frame) for frame in pixels]
    first.save(buffer, kind, save_all=True, append_images=rest)
    return buffer.getvalue()


def with_exif() -> bytes:
    """A comment of 60 kB, a turn, and a thumbnail that lies about where it is."""
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x9286] = b"\0" * 60_000
    exif[0x0201], exif[0x0202] = 2**31, 2**31
    return jpeg(exif=exif)


TAKEN = {
    "GIF of 100 frames": (lambda: animated("GIF", 100), 64),
    "PNG of 200 frames": (lambda: animated("PNG", 200), 64),
    "WebP of 200 frames": (lambda: animated("WEBP", 200), 64),
    "JPEG with odd EXIF": (with_exif, 512),
    "JPEG with a zip behind it": (lambda: jpeg() + b"PK\x03\x04" + b"\0" * 500, 512),
    "JPEG with a script in a comment": (lambda: jpeg(comment=b"<script>alert(1)</script>"), 512),
}


@pytest.mark.parametrize("what", TAKEN)
def test_what_is_a_picture_after_all_is_taken_as_one(target: Target, what: str) -> None:
    """Its first frame is; what else is in it nobody reads, and it is never served."""
    make, width = TAKEN[what]
    answer = upload(target, make())  # type: ignore[no-untyped-call]
    assert answer.status_code == 201, answer.text
    assert (answer.json()["kind"], answer.json()["width"]) == ("image", width)
    _taken_back(target, answer)


LYING = {
    "ten hours": 10 * 3600 * 16_000,
    "all there is": 2**32 - 1,
    "one byte more": 16_001,
    "one byte": 2,
}


@pytest.mark.parametrize("what", LYING)
def test_a_wav_is_not_believed_beyond_its_bytes(target: Target, what: str) -> None:
    answer = upload(target, wav(1.0, claimed=LYING[what]))
    assert answer.status_code == 201, answer.text
    assert answer.json()["duration_s"] <= 1.0
    _taken_back(target, answer)


SOUNDS: dict[str, bytes] = {
    "MP3: a tag and nothing": b"ID3\4\0\0\x7f\x7f\x7f\x7f",
    "MP3: one frame's head": b"\xff\xfb\x90\0",
    "FLAC: first bytes": b"fLaC",
    "FLAC: ten hours": b"fLaC\x80\0\0\x22"
    + b"\x10\0\x10\0"
    + b"\0" * 6
    + struct.pack(">Q", (44_100 << 44) | (1 << 41) | (15 << 36) | (36_000 * 44_100))
    + b"\0" * 16,
    "Ogg: first bytes": b"OggS\0\2" + b"\xff" * 8,
    "M4A: first bytes": b"\0\0\0\x18ftypM4A \0\0\0\0",
    "WebM: an endless element": b"\x1a\x45\xdf\xa3\x01\xff\xff\xff\xff\xff\xff\xff",
    "AAC: one frame's head": b"\xff\xf1\x50\x80",
}


@pytest.mark.parametrize("what", SOUNDS)
def test_other_sounds_are_recognised_only_and_claim_no_length(target: Target, what: str) -> None:
    """The preflight and the flow decode them, in a process that may."""
    answer = upload(target, SOUNDS[what])
    assert (answer.status_code, answer.json()["kind"]) == (201, "audio"), answer.text
    assert answer.json()["duration_s"] is None
    _taken_back(target, answer)


@pytest.mark.parametrize("mode", ["RGB", "I;16", "RGBA", "LA", "P"])
def test_the_largest_picture_that_is_taken_takes_bounded_memory(target: Target, mode: str) -> None:
    """50 megapixels that a few kilobytes unpack to."""
    buffer = io.BytesIO()
    Image.new(mode, (10_000, 5_000)).save(buffer, "PNG")
    Path(f"/proc/{target.process.pid}/clear_refs").write_text("5")  # the peak begins anew
    answer = upload(target, buffer.getvalue())
    assert answer.status_code == 201, answer.text
    assert peak_mb(target) < PEAK_MB
    _taken_back(target, answer)


def peak_mb(target: Target) -> float:
    status = Path(f"/proc/{target.process.pid}/status").read_text()
    peak = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(peak.split()[1]) * 1024 / MB


def _taken_back(target: Target, answer: httpx.Response) -> None:
    headers = {"Authorization": f"Bearer {target.key}"}
    assert target.http.delete(answer.headers["location"], headers=headers).status_code == 204
    target.is_unmoved()


def test_the_corpus_of_files_is_large() -> None:
    assert len(FILES) >= 90
    assert all(isinstance(file, tuple) for file in FILES.values())
