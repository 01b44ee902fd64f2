"""One file from an address that a caller named: through the guard, bounded in bytes and time.

What arrives is what an upload would have been: counted, hashed and sniffed by the same code.
"""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import httpx

from api import uploads
from api.problems import Problem, of_error
from api.uploads import Kind, Received
from models.contracts import MAX_IMAGE_BYTES
from models.errors import ImageTooLarge, InputNotFetched, InputUnavailable

LIMIT_S = 60.0  # for the whole file
IDLE_S = 10.0  # so long may it not go on
MOST_REDIRECTS = 3
TRIED_AGAIN = frozenset({408, 425, 429})  # beside 5xx
HEADERS = {
    "User-Agent": "Avatar-Orchestrator-Inputs/1",
    "Accept": "*/*",
    "Accept-Encoding": "identity",  # what is packed could unpack to anything
}


class Fetcher:
    def __init__(self, transport: httpx.AsyncBaseTransport) -> None:
        self._client = httpx.AsyncClient(
            transport=transport,
            trust_env=False,
            follow_redirects=True,  # each is checked by the guard
            max_redirects=MOST_REDIRECTS,
            timeout=IDLE_S,
            headers=HEADERS,
        )

    async def close(self) -> None:
        await self._client.aclose()

    async def fetch(self, url: str, kind: Kind, folder: Path) -> Received:
        """Into the folder. Raises Problem, InputNotFetched, InputUnavailable, AddressRefused."""
        try:
            async with asyncio.timeout(LIMIT_S), self._client.stream("GET", url) as answer:
                _check(answer)
                received = await uploads.receive(_bounded(answer.aiter_raw(), kind), folder)
        except TimeoutError as error:
            raise InputUnavailable(
                f"it did not come within {LIMIT_S:.0f} s: use a faster server, or upload it"
            ) from error
        except httpx.TooManyRedirects as error:
            raise InputNotFetched("it leads on and on: give the address where it is") from error
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            reason = str(error) or type(error).__name__
            raise InputUnavailable(
                f"its server fails ({reason}): try later, or upload it"
            ) from error
        _check_kind(received, kind)
        return received


def _check(answer: httpx.Response) -> None:
    status = answer.status_code
    if status >= 500 or status in TRIED_AGAIN:
        raise InputUnavailable(f"its server answers {status}: try later, or upload it")
    if status != 200:
        raise InputNotFetched(f"its server answers {status}: give an address that needs no login")
    if answer.headers.get("content-encoding", "identity") != "identity":
        raise InputNotFetched("its server sends it packed: upload it")


async def _bounded(chunks: AsyncIterator[bytes], kind: Kind) -> AsyncIterator[bytes]:
    """Recordings are bounded where they are received."""
    size = 0
    async for chunk in chunks:
        size += len(chunk)
        if kind == "image" and size > MAX_IMAGE_BYTES:
            megabytes = MAX_IMAGE_BYTES // 1024 // 1024
            raise of_error(ImageTooLarge(f"a picture may have {megabytes} MB: make it smaller"))
        yield chunk


def _check_kind(received: Received, kind: Kind) -> None:
    found = uploads.kind_of(received.head)
    if found != kind:
        what = {"image": "a picture", "audio": "a recording"}
        detail = f"it is {what[found]}: give the address of {what[kind]}"
        raise Problem(422, "invalid_request", detail)
