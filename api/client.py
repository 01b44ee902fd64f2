"""A client of the HTTP API.

    with Client("https://avatar.example.com", key) as client:
        portrait = client.upload("me.jpg")
        video = client.create_video(
            NewVideo(
                portrait=Portrait(upload=portrait.id),
                speech=Script(type="script", script="Hello!"),
            )
        )
        video = client.wait(video.id)
        client.download(video, "videos")

Requests and resources are those of api.contracts; what a newer gateway adds to them is left out.
Lost answers, full rates and restarts are waited for. What fails in the end raises ApiError.
"""

import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import Any, Self, TypeVar
from urllib.parse import urlsplit

import httpx
from pydantic import BaseModel

from api.calling import ATTEMPTS, UNREACHABLE, ApiError, Calls
from api.contracts import (
    BatchPage,
    BatchResource,
    NewBatch,
    NewPreflight,
    NewQuote,
    NewVideo,
    PreflightResource,
    Quote,
    Status,
    UploadPage,
    UploadResource,
    UsageList,
    VideoPage,
    VideoResource,
    VoiceList,
    VoiceResource,
)
from api.event_stream import VideoEvent, read_events

__all__ = ["ApiError", "Client", "VideoEvent"]

NOTHING_MORE = 204  # as browsers have it: do not connect again
PAGE = 100
LOOK_EVERY_S = 1.0
Listener = Callable[[VideoEvent], None]
Model = TypeVar("Model", bound=BaseModel)
Page = TypeVar("Page", VideoPage, UploadPage, BatchPage)


class Client:
    """Calls one gateway with one key; without a key where the gateway is open to its machine."""

    def __init__(
        self,
        url: str,
        key: str | None = None,
        *,
        timeout_s: float = 60.0,
        attempts: int = ATTEMPTS,
        sleep: Callable[[float], None] = time.sleep,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        """Raises ValueError for an address or a key that can be none."""
        self._calls = Calls(
            url, key, timeout_s=timeout_s, attempts=attempts, sleep=sleep, transport=transport
        )
        self._links = Calls(  # signed links are opened without the key: they may lead elsewhere
            url, None, timeout_s=timeout_s, attempts=attempts, sleep=sleep, transport=transport
        )
        self._sleep = sleep

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._calls.close()
        self._links.close()

    def upload(self, file: str | Path) -> UploadResource:
        """Send a picture or a recording; the same bytes have the same upload."""
        headers = {"Content-Type": "application/octet-stream"}
        answer = self._calls.send("POST", "/v1/uploads", file=Path(file), headers=headers)
        return _read(UploadResource, answer)

    def list_uploads(self, kind: str | None = None) -> Iterator[UploadResource]:
        for page in self._pages("/v1/uploads", UploadPage, kind=kind):
            yield from page.data

    def delete_upload(self, upload_id: str) -> None:
        self._calls.send("DELETE", f"/v1/uploads/{upload_id}")

    def preflight(self, request: NewPreflight, within_s: float = 120.0) -> PreflightResource:
        """What is to be said of a portrait and a recording. Raises TimeoutError."""
        made = self._post("/v1/preflight", PreflightResource, request)
        end = time.monotonic() + within_s
        while made.status == "running":
            if time.monotonic() > end:
                raise TimeoutError(f"{made.id} is still being looked at after {within_s:.0f} s")
            self._sleep(LOOK_EVERY_S)
            made = self._get(f"/v1/preflight/{made.id}", PreflightResource)
        return made

    def quote(self, request: NewQuote) -> Quote:
        return self._post("/v1/quotes", Quote, request)

    def create_video(self, request: NewVideo, idempotency_key: str | None = None) -> VideoResource:
        """Ask for a video, once, however often that has to be said."""
        return self._post("/v1/videos", VideoResource, request, idempotency_key or _new_key())

    def get_video(self, video_id: str) -> VideoResource:
        return self._get(f"/v1/videos/{video_id}", VideoResource)

    def list_videos(
        self, status: Sequence[Status] = (), batch: str | None = None
    ) -> Iterator[VideoResource]:
        """The newest first, page by page as they are asked for."""
        for page in self._pages("/v1/videos", VideoPage, status=list(status), batch=batch):
            yield from page.data

    def cancel_video(self, video_id: str) -> VideoResource:
        return _read(VideoResource, self._calls.send("POST", f"/v1/videos/{video_id}/cancel"))

    def delete_video(self, video_id: str) -> None:
        self._calls.send("DELETE", f"/v1/videos/{video_id}")

    def events(self, video_id: str, after: int = 0) -> Iterator[VideoEvent]:
        """What happens to a video until it ends, resumed where the line was lost."""
        path, lost = f"/v1/videos/{video_id}/events", 0
        while True:
            try:
                with self._calls.stream(path, {"Last-Event-ID": str(after)}) as answer:
                    for event in read_events(answer.iter_raw()):
                        after, lost = event.id, 0
                        yield event
                        if event.is_final:
                            return
                    if answer.status_code == NOTHING_MORE:
                        return
                    raise ApiError("the stream ended before the video", code=UNREACHABLE)
            except ApiError as error:
                lost += 1
                self._calls.wait_after(error, lost)

    def wait(self, video_id: str, listener: Listener | None = None) -> VideoResource:
        """The video once it is done, failed or cancelled; the listener hears what happens."""
        for event in self.events(video_id):
            if listener is not None:
                listener(event)
        return self.get_video(video_id)

    def download(self, video: VideoResource, folder: str | Path) -> dict[str, Path]:
        """The files of a video that is done, in a folder that is made; their places by name."""
        if video.files is None:
            raise ValueError(
                f"{video.id} is {video.status} and has no files: wait until it is done"
            )
        links = [link for link in video.files.model_dump().values() if link]
        places = {}
        for link in links:
            name = urlsplit(link).path.rpartition("/")[2]
            places[name] = Path(folder) / f"{video.id}-{name}"
            places[name].parent.mkdir(parents=True, exist_ok=True)
            self._links.save(link, places[name])
        return places

    def create_batch(self, request: NewBatch, idempotency_key: str | None = None) -> BatchResource:
        """Ask for many videos: all of them are accepted, or none."""
        return self._post("/v1/batches", BatchResource, request, idempotency_key or _new_key())

    def get_batch(self, batch_id: str) -> BatchResource:
        return self._get(f"/v1/batches/{batch_id}", BatchResource)

    def list_batches(self) -> Iterator[BatchResource]:
        for page in self._pages("/v1/batches", BatchPage):
            yield from page.data

    def cancel_batch(self, batch_id: str) -> BatchResource:
        return _read(BatchResource, self._calls.send("POST", f"/v1/batches/{batch_id}/cancel"))

    def voices(self, language: str | None = None) -> tuple[VoiceResource, ...]:
        return self._get("/v1/voices", VoiceList, language=language).data

    def usage(self, since: date | None = None, until: date | None = None) -> UsageList:
        return self._get("/v1/usage", UsageList, since=since, until=until)

    def _get(self, path: str, shape: type[Model], **parameters: object) -> Model:
        return _read(shape, self._calls.send("GET", path, params=_given(parameters)))

    def _post(
        self, path: str, kind: type[Model], body: BaseModel, idempotency_key: str | None = None
    ) -> Model:
        headers = {"Content-Type": "application/json"}
        if idempotency_key is not None:
            headers["Idempotency-Key"] = idempotency_key
        content = body.model_dump_json(exclude_unset=True)
        answer = self._calls.send("POST", path, content=content, headers=headers)
        return _read(kind, answer)

    def _pages(self, path: str, shape: type[Page], **filters: object) -> Iterator[Page]:
        cursor: str | None = None
        while True:
            page = self._get(path, shape, limit=PAGE, cursor=cursor, **filters)
            yield page
            cursor = page.next_cursor
            if cursor is None:
                return


def _read(kind: type[Model], answer: httpx.Response) -> Model:
    return kind.model_validate_json(answer.content, extra="ignore")


def _given(parameters: dict[str, object]) -> dict[str, Any]:
    return {name: value for name, value in parameters.items() if value is not None}


def _new_key() -> str:
    return uuid.uuid4().hex
