"""Request bodies are bounded in bytes and in time before anything reads them."""

import asyncio
import time

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.problems import Problem, answer
from models.contracts import MAX_AUDIO_BYTES

JSON_BYTES = 512 * 1024
BATCH_BYTES = 8 * 1024 * 1024
IDLE_S = 30.0  # so long may the next piece of a body take
SLOWEST_BYTES_S = 4_096  # and so slow may it come in the long run
READING = frozenset({"GET", "HEAD"})  # without a body as a rule: nothing to watch over
LARGER = {"/v1/uploads": MAX_AUDIO_BYTES, "/v1/batches": BATCH_BYTES}


class BoundedBodies:
    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            refusal = _refusal(Headers(scope=scope))
            if refusal is not None:
                await answer(refusal, Request(scope))(scope, receive, send)
                return
            announced = _announces_body(scope)
            if announced or scope["method"] not in READING:
                limit = LARGER.get(scope["path"].rstrip("/"), JSON_BYTES)
                bounded = _Bounded(receive, limit, announced)
                receive, send = bounded, bounded.hanging_up(send)
        await self._app(scope, receive, send)


class _Bounded:
    """A receive that raises 413 and 408; the framework turns them into answers."""

    def __init__(self, receive: Receive, limit: int, announced: bool) -> None:
        self._receive, self._limit, self._announced = receive, limit, announced
        self._bytes, self._more, self._began = 0, True, 0.0

    def hanging_up(self, send: Send) -> Send:
        """An answer given before the body has come ends the connection, or it would go on."""

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start" and self._more and self._announced:
                MutableHeaders(scope=message)["Connection"] = "close"
            await send(message)

        return sending

    async def __call__(self) -> Message:
        if not self._more:  # what is waited for now is that the caller leaves
            return await self._receive()
        self._began = self._began or time.monotonic()
        try:
            message = await asyncio.wait_for(self._receive(), self._patience_s())
        except TimeoutError:
            raise HTTPException(408, "the body stopped coming: send it again") from None
        if message["type"] == "http.request":
            self._bytes += len(message.get("body", b""))
            self._more = message.get("more_body", False)
            if self._bytes > self._limit:
                raise HTTPException(413, f"the body is too large: send at most {self._limit} bytes")
        return message

    def _patience_s(self) -> float:
        """A body that drips a byte at a time would hold its connection for ever."""
        end = self._began + IDLE_S + self._bytes / SLOWEST_BYTES_S
        return min(IDLE_S, end - time.monotonic())


def _refusal(headers: Headers) -> Problem | None:
    """What a proxy before us may read differently, and what would have to be unpacked."""
    close = {"Connection": "close"}
    if "transfer-encoding" in headers and "content-length" in headers:
        return Problem(
            400,
            "framing_ambiguous",
            "the body has a Content-Length and a Transfer-Encoding: send one of them",
            headers=close,
        )
    if headers.get("content-encoding", "identity").strip().lower() != "identity":
        return Problem(
            415,
            "content_encoding_unsupported",
            "the body is compressed: send it as it is, without Content-Encoding",
            headers={**close, "Accept-Encoding": "identity"},
        )
    return None


def _announces_body(scope: Scope) -> bool:
    names = {name for name, value in scope["headers"] if value != b"0"}
    return b"content-length" in names or b"transfer-encoding" in names
