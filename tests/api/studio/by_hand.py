"""Videos that are moved on by the test: every state of the page, without workers and at once."""

import hashlib
import io
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import TypeVar
from uuid import uuid4

import av
import httpx
import numpy as np
from PIL import Image

from api import events
from api.database import Database
from api.tables import Video
from models.contracts import (
    Failure,
    PortraitReport,
    PortraitSource,
    PreflightReport,
    PreflightRequest,
)
from models.storage import store_at
from tests.api.finishing import finish
from tests.api.running import Api
from tests.faces import Box, face

SAID = "Welcome to the team. We are glad that you are here."
CAPTIONS = """WEBVTT

00:00:00.000 --> 00:00:00.500
Welcome to the team.

00:00:00.500 --> 00:00:01.000
We are glad
that you are here.
"""
T = TypeVar("T")


def aside(work: Callable[[], T]) -> T:
    """In a thread of its own: Playwright's event loop runs in this one."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(work).result()


def ask(client: httpx.Client, portrait: bytes, **more: object) -> str:
    """A video's id; it waits, because nobody makes it."""
    upload = client.post("/v1/uploads", content=portrait).json()["id"]
    speech = {"type": "script", "script": SAID}
    body = {"portrait": {"upload": upload}, "speech": speech, **more}
    return str(client.post("/v1/videos", json=body).raise_for_status().json()["id"])


def move(api: Api, video: str, **values: object) -> None:
    """Change its row as the reconciler does, and tell of it."""

    async def change(database: Database) -> None:
        async with database.writing() as session:
            row = await session.get_one(Video, video)
            kind = events.PROGRESS if values.get("status") == row.status else None
            for name, value in values.items():
                setattr(row, name, value)
            events.emit(session, row, kind)

    aside(lambda: api.in_database(change))


def render(api: Api, video: str, percent: float = 42.0) -> None:
    move(api, video, status="running", stage="Rendering", percent=percent, eta_s=12.0)


def done(api: Api, video: str) -> None:
    aside(lambda: finish(api, video, files=files()))


def fail(api: Api, video: str, code: str, message: str, *, retryable: bool = False) -> None:
    failure = Failure(code=code, message=message, retryable=retryable)
    aside(lambda: finish(api, video, failure))


@cache
def files() -> dict[str, bytes]:
    """What a second of video is delivered as; it plays."""
    picture = np.full((128, 128, 3), (90, 140, 130), np.uint8)
    still = io.BytesIO()
    Image.fromarray(picture).save(still, "JPEG")
    return {
        "video.mp4": _mp4(picture),
        "captions.srt": b"1\n00:00:00,000 --> 00:00:00,500\nWelcome to the team.\n",
        "captions.vtt": CAPTIONS.encode(),
        "thumbnail.jpg": still.getvalue(),
        "manifest.json": b"{}",
    }


def _mp4(picture: "np.ndarray[tuple[int, ...], np.dtype[np.uint8]]") -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "video.mp4"
        with av.open(str(path), "w", options={"movflags": "faststart"}) as container:
            stream = container.add_stream("libx264", rate=25)
            stream.width, stream.height, stream.pix_fmt = 128, 128, "yuv420p"
            for step in range(25):
                frame = av.VideoFrame.from_ndarray(np.roll(picture, step, axis=1), format="rgb24")
                container.mux(stream.encode(frame))
            container.mux(stream.encode())
        return path.read_bytes()


def examine(api: Api, portrait: bytes, *boxes: Box) -> None:
    """As if a worker had looked at it before: faces in these boxes, largest first."""
    image = Image.open(io.BytesIO(portrait))
    faces = tuple(face(index, box) for index, box in enumerate(boxes))
    suffix = "jpg" if image.format == "JPEG" else "png"
    name = f"store:uploads/{hashlib.sha256(portrait).hexdigest()}.{suffix}"
    for index in range(len(boxes)):
        asked = PreflightRequest(portrait=PortraitSource(image=name, face_index=index))
        report = PortraitReport(
            width=image.width, height=image.height, faces=faces, chosen=index, warnings=()
        )
        digest = hashlib.sha256(asked.model_dump_json().encode()).hexdigest()[:40]
        _put(api, f"preflights/{digest}/report.json", PreflightReport(portrait=report))


def _put(api: Api, key: str, report: PreflightReport) -> None:
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / uuid4().hex
        place.write_text(report.model_dump_json())
        store_at(api.settings.store).put(place, key)
