"""Request bodies are bounded in bytes and in time before anything reads them."""

import asyncio

from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from models.contracts import MAX_AUDIO_BYTES

JSON_BYTES = 512 * 1024
BATCH_BYTES = 8 * 1024 * 1024
IDLE_S = 30.0  # so long may the next piece of a body take
LARGER = {"/v1/uploads": MAX_AUDIO_BYTES, "/v1/batches": BATCH_BYTES}


class BoundedBodies:
    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            limit = LARGER.get(scope["path"].rstrip("/"), JSON_BYTES)
            bounded = _Bounded(receive, limit, _announces_body(scope))
            receive, send = bounded, bounded.hanging_up(send)
        await self._app(scope, receive, send)


class _Bounded:
    """A receive that raises 413 and 408; the framework turns them into answers."""

    def __init__(self, receive: Receive, limit: int, announced: bool) -> None:
        self._receive, self._limit, self._announced = receive, limit, announced
        self._bytes, self._more = 0, True

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
        try:
            message = await asyncio.wait_for(self._receive(), IDLE_S)
        except TimeoutError:
            raise HTTPException(408, "the body stopped coming: send it again") from None
        if message["type"] == "http.request":
            self._bytes += len(message.get("body", b""))
            self._more = message.get("more_body", False)
            if self._bytes > self._limit:
                raise HTTPException(413, f"the body is too large: send at most {self._limit} bytes")
        return message


def _announces_body(scope: Scope) -> bool:
    names = {name for name, value in scope["headers"] if value != b"0"}
    return b"content-length" in names or b"transfer-encoding" in names
