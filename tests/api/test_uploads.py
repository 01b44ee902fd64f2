"""Files on their way in, kept under their hash; what is refused stands in tests.api.hostile."""

import io
import wave
from collections.abc import Iterator
from pathlib import Path

import httpx
from PIL import Image
from skimage import data

from models.contracts import MAX_AUDIO_BYTES
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


def jpeg() -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(data.astronaut()).save(buffer, "JPEG")  # type: ignore[no-untyped-call]
    return buffer.getvalue()


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
