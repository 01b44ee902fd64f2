"""Files on their way in: kept under their hash, or refused with a code and without a trace."""

import io
import struct
import wave
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from PIL import Image
from skimage import data

from models.contracts import MAX_AUDIO_BYTES, MAX_IMAGE_BYTES
from tests import bad_files
from tests.api.running import Api


def stored(api: Api) -> set[str]:
    root = Path(api.settings.store)
    return {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}


def wav(seconds: float, rate: int = 8_000) -> bytes:
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(b"\1\0" * int(seconds * rate))
    return buffer.getvalue()


def zip_of_death() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("picture.png", b"\0" * 10_000_000)
    return buffer.getvalue()


def promising(width: int, height: int) -> bytes:
    """A PNG whose header promises that many pixels."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        checked = kind + content
        return struct.pack(">I", len(content)) + checked + struct.pack(">I", zlib.crc32(checked))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = zlib.compress(b"\0" * 1000)
    parts = chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts


def jpeg() -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(data.astronaut()).save(buffer, "JPEG")  # type: ignore[no-untyped-call]
    return buffer.getvalue()


REFUSED = {
    "nothing": (b"", 422, "upload_empty"),
    "a page": (bad_files.WEB_PAGE, 415, "upload_unsupported"),
    "a drawing": (bad_files.SVG, 415, "upload_unsupported"),
    "a zip of death": (zip_of_death(), 415, "upload_unsupported"),
    "a program": (b"\x7fELF" + b"\0" * 100, 415, "upload_unsupported"),
    "a PDF": (b"%PDF-1.7\n", 415, "upload_unsupported"),
    "a script": (b"#!/bin/sh\nrm -rf /\n", 415, "upload_unsupported"),
    "text": (b"hello", 415, "upload_unsupported"),
    "UTF-16": (b"\xff\xfeh\0i\0", 415, "upload_unsupported"),
    "zeros": (b"\0" * 5_000, 415, "upload_unsupported"),
    "a playlist": (b"#EXTM3U\nfile:///etc/passwd\n", 415, "upload_unsupported"),
    "400 megapixels": (promising(20_000, 20_000), 413, "image_too_large"),
    "2 gigapixels wide": (promising(2**31 - 1, 1), 413, "image_too_large"),
    "half a JPEG": (jpeg()[:2_000], 422, "image_unreadable"),
    "a JPEG's first bytes": (b"\xff\xd8\xff\xe0", 422, "image_unreadable"),
    "a PNG's first bytes": (b"\x89PNG\r\n\x1a\n", 422, "image_unreadable"),
    "random behind a PNG's name": (
        b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 8,
        422,
        "image_unreadable",
    ),
    "a picture of 10 MB and a byte": (
        jpeg() + b"\0" * MAX_IMAGE_BYTES,
        413,
        "image_too_large",
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_no_picture_and_no_recording_is_refused(sqlite_api: Api, what: str) -> None:
    content, status, code = REFUSED[what]
    client, before = sqlite_api.client("sender"), stored(sqlite_api)
    answer = client.post("/v1/uploads", content=content)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.json()["remedy"]
    assert stored(sqlite_api) == before


def test_a_recording_beyond_the_limit_is_refused_early(sqlite_api: Api) -> None:
    """Announced, and as an endless stream that announces nothing."""
    client, before = sqlite_api.client("endless"), stored(sqlite_api)
    sent = 0

    def endless() -> Iterator[bytes]:
        nonlocal sent
        yield b"ID3"
        while sent < 4 * MAX_AUDIO_BYTES:
            sent += 1 << 20
            yield b"\0" * (1 << 20)

    try:
        answer = client.post("/v1/uploads", content=endless())
        assert answer.status_code == 413
    except httpx.TransportError:  # it hung up while we still sent
        pass
    assert sent < 2 * MAX_AUDIO_BYTES
    assert stored(sqlite_api) == before


def test_a_picture_is_kept_under_its_hash_once(sqlite_api: Api) -> None:
    client, picture = sqlite_api.client("keeper"), jpeg()
    first, second = (client.post("/v1/uploads", content=picture) for _ in range(2))
    assert (first.status_code, second.status_code) == (201, 200)
    upload = first.json()
    assert upload == second.json()
    assert (upload["kind"], upload["width"], upload["height"]) == ("image", 512, 512)
    assert f"uploads/{upload['sha256']}.jpg" in stored(sqlite_api)


def test_a_wav_says_how_long_it_is(sqlite_api: Api) -> None:
    client = sqlite_api.client("speaker")
    upload = client.post("/v1/uploads", content=wav(2.5)).json()
    assert (upload["kind"], upload["duration_s"]) == ("audio", 2.5)
    speech = {"type": "recording", "upload": upload["id"]}
    quote = client.post("/v1/quotes", json={"speech": speech}).json()
    assert (quote["speech_s"], quote["exact"]) == (2.5, True)


def test_a_picture_is_no_recording(sqlite_api: Api) -> None:
    client = sqlite_api.client("confused")
    picture = client.post("/v1/uploads", content=jpeg()).json()["id"]
    body = {
        "portrait": {"upload": picture},
        "speech": {"type": "recording", "upload": picture},
    }
    answer = client.post("/v1/videos", json=body)
    assert (answer.status_code, answer.json()["field"]) == (422, "speech.upload")


def test_a_file_that_two_owners_sent_stays_until_both_delete_it(sqlite_api: Api) -> None:
    content = wav(0.7)
    one, other = sqlite_api.client("one"), sqlite_api.client("other")
    first = one.post("/v1/uploads", content=content).json()
    second = other.post("/v1/uploads", content=content).json()
    assert first["id"] != second["id"]
    key = f"uploads/{first['sha256']}.wav"
    assert one.delete(f"/v1/uploads/{first['id']}").status_code == 204
    assert key in stored(sqlite_api)
    assert other.delete(f"/v1/uploads/{second['id']}").status_code == 204
    assert key not in stored(sqlite_api)


def test_an_expired_file_is_said_when_a_video_needs_it(sqlite_api: Api) -> None:
    client = sqlite_api.client("tardy")
    upload = client.post("/v1/uploads", content=jpeg()).json()
    (Path(sqlite_api.settings.store) / f"uploads/{upload['sha256']}.jpg").unlink()
    speech = {"type": "script", "script": "Papa."}
    body = {"portrait": {"upload": upload["id"]}, "speech": speech}
    answer = client.post("/v1/videos", json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, "upload_expired")
    assert client.get("/v1/videos").json()["data"] == []
    assert client.post("/v1/uploads", content=jpeg()).status_code == 200
    assert client.post("/v1/videos", json=body).status_code == 202
