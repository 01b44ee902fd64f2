"""Just enough of an HTTP client to load a server with: its own cost stays below the server's."""

import asyncio
import json
import re
from typing import Any

LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


def request(method: str, path: str, token: str, body: object = None) -> bytes:
    content = b"" if body is None else json.dumps(body).encode()
    lines = [
        f"{method} {path} HTTP/1.1",
        "Host: 127.0.0.1",
        f"Authorization: Bearer {token}",
        "Content-Type: application/json",
        f"Content-Length: {len(content)}",
    ]
    return "\r\n".join([*lines, "", ""]).encode() + content


class Connection:
    """One kept connection; a call at a time."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def call(self, request: bytes) -> tuple[int, bytes]:
        """Status and body. Raises OSError and IncompleteReadError."""
        if self._reader is None or self._writer is None or self._reader.at_eof():
            self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)
        self._writer.write(request)
        head = await self._reader.readuntil(b"\r\n\r\n")
        length = LENGTH.search(head)
        body = await self._reader.readexactly(int(length[1]) if length else 0)
        return int(head[9:12]), body

    async def document(self, request: bytes) -> Any:  # noqa: ANN401, the gateway's JSON
        """Of an answer that must be good."""
        status, body = await self.call(request)
        if status >= 300:
            raise RuntimeError(f"{request.splitlines()[0]!r} was answered {status}: {body!r}")
        return json.loads(body)

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()
