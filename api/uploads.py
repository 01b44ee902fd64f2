"""A file on its way in: counted, hashed, sniffed, decoded where that is cheap, then kept.

It is kept under its hash, never under a name that a caller chose. Pictures are decoded here,
within bounds. Recordings are only sniffed: decoding them takes libraries that the gateway does
without, and happens in the preflight and in the video's flow.
"""

import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO, Literal

import anyio
import puremagic

from api.problems import Problem, of_error
from api.wav import wav_duration_s
from models.contracts import MAX_AUDIO_BYTES, MAX_IMAGE_BYTES
from models.errors import AudioTooLarge, ImageTooLarge, InputError
from models.storage import Store

Kind = Literal["image", "audio"]
HEAD_BYTES = 4_096
DECODERS = 2  # pictures decoded at once: each may take a few hundred megabytes
_decoding = anyio.CapacityLimiter(DECODERS)

IMAGES = {
    "image/jpeg": ".jpg",
    "image/png": ".png",
    "image/webp": ".webp",
    "image/gif": ".gif",
    "image/heic": ".heic",
    "image/heif": ".heif",
    "image/avif": ".avif",
}
AUDIO = {
    "audio/wav": ".wav",
    "audio/mpeg": ".mp3",
    "audio/flac": ".flac",
    "audio/ogg": ".ogg",
    "audio/mp4": ".m4a",
    "audio/aac": ".aac",
    "audio/webm": ".webm",
}


@dataclass(frozen=True)
class Accepted:
    sha256: str
    key: str
    kind: Kind
    media_type: str
    size: int
    width: int | None = None
    height: int | None = None
    duration_s: float | None = None


@dataclass(frozen=True)
class Received:
    path: Path
    sha256: str
    size: int
    head: bytes


async def receive(chunks: AsyncIterator[bytes], folder: Path) -> Received:
    """Write the body to the folder, counting. Raises Problem 413 and 422."""
    path, found, size, head = folder / "upload", hashlib.sha256(), 0, b""
    with path.open("wb") as file:
        async for chunk in chunks:
            size += len(chunk)
            if size > MAX_AUDIO_BYTES:
                raise of_error(AudioTooLarge(_too_large("a recording", MAX_AUDIO_BYTES)))
            if len(head) < HEAD_BYTES:
                head = (head + chunk)[:HEAD_BYTES]
            await anyio.to_thread.run_sync(_write, file, chunk, found)
    if not size:
        raise Problem(422, "upload_empty", "the file is empty: send its bytes as the body")
    return Received(path, found.hexdigest(), size, head)


async def accept(received: Received, store: Store) -> Accepted:
    """Look at the file and keep it. Raises Problem, AvatarError."""
    media_type, kind = sniff(received.head), kind_of(received.head)
    suffix = (IMAGES | AUDIO)[media_type]
    facts = Accepted(
        received.sha256,
        f"uploads/{received.sha256}{suffix}",
        kind,
        media_type,
        received.size,
    )
    facts = await _examined(facts, received.path)
    if not await anyio.to_thread.run_sync(store.exists, facts.key):
        await anyio.to_thread.run_sync(store.put, received.path, facts.key)
    return facts


def kind_of(head: bytes) -> Kind:
    """Raises Problem 415."""
    return "image" if sniff(head) in IMAGES else "audio"


def sniff(head: bytes) -> str:
    """The media type by how the file begins. Raises Problem 415."""
    if found := _signature(head):
        return found
    try:
        names = puremagic.magic_string(head)
    except puremagic.PureError:
        names = []
    what = next((one.name for one in names if one.name), "of no kind that we know")
    raise Problem(
        415,
        "upload_unsupported",
        f"the file is no picture and no recording ({what[:80]}): send JPEG, PNG, WebP or HEIC, "
        "or WAV, MP3, M4A, FLAC or Ogg",
    )


def _signature(head: bytes) -> str | None:
    """What we take, by its first bytes: a guesser's list is wider than what is safe."""
    starts = {
        b"\xff\xd8\xff": "image/jpeg",
        b"\x89PNG\r\n\x1a\n": "image/png",
        b"GIF8": "image/gif",
        b"ID3": "audio/mpeg",
        b"fLaC": "audio/flac",
        b"OggS": "audio/ogg",
        b"\x1a\x45\xdf\xa3": "audio/webm",
    }
    for start, name in starts.items():
        if head.startswith(start):
            return name
    if head[:4] in (b"RIFF", b"RF64"):
        return {b"WEBP": "image/webp", b"WAVE": "audio/wav"}.get(head[8:12])
    if head[4:8] == b"ftyp":
        return _iso_brand(head[8:12])
    return _frame(head[:2])


def _frame(start: bytes) -> str | None:
    """A bare stream begins with a frame: 11 set bits, a version, then the layer's two bits."""
    if len(start) < 2 or start[0] != 0xFF:
        return None
    if start[1] & 0xE6 == 0xE2 and start[1] & 0x18 != 0x08:
        return "audio/mpeg"  # layer III, no reserved version
    return "audio/aac" if start[1] & 0xF6 == 0xF0 else None


def _iso_brand(brand: bytes) -> str:
    if brand in (b"avif", b"avis"):
        return "image/avif"
    if brand in (b"heic", b"heix", b"heim", b"heis"):
        return "image/heic"
    return "image/heif" if brand in (b"mif1", b"msf1") else "audio/mp4"


async def _examined(facts: Accepted, path: Path) -> Accepted:
    if facts.media_type == "audio/wav":
        try:
            return replace(facts, duration_s=wav_duration_s(path))
        except InputError as error:
            raise of_error(error) from error
    if facts.kind == "audio":
        return facts
    if facts.size > MAX_IMAGE_BYTES:
        raise of_error(ImageTooLarge(_too_large("a picture", MAX_IMAGE_BYTES)))
    try:
        width, height = await anyio.to_thread.run_sync(_size_of, path, limiter=_decoding)
    except InputError as error:
        raise of_error(error) from error
    return replace(facts, width=width, height=height)


def _size_of(path: Path) -> tuple[int, int]:
    from models.portrait.image import load_picture

    return load_picture(path).size


def _write(file: BinaryIO, chunk: bytes, found: "hashlib._Hash") -> None:
    file.write(chunk)
    found.update(chunk)


def _too_large(what: str, limit: int) -> str:
    return f"{what} may have {limit // 1024 // 1024} MB: make it smaller"
