"""The caller's own storage, where a finished video is sent: an address, or a bucket of S3.

An address takes the video by one PUT, through the guard: what S3, Google and Azure presign. Into a
bucket, which the operator must have allowed, all files go under the machine's own role.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from urllib.parse import urlsplit

import anyio
import httpx

from api.addresses import check_address
from api.contracts import Destination
from api.guard import Policy
from api.problems import Problem
from models.errors import AvatarError, ServiceRefused, ServiceUnavailable
from models.storage import KEY, Store

LIMIT_S = 600.0  # for one video
IDLE_S = 30.0
CHUNK_BYTES = 1 << 18
TRIED_AGAIN = frozenset({408, 425, 429})  # beside 5xx
S3 = "s3://"
KIND = {".mp4": "video/mp4", ".webm": "video/webm"}


def check_destination(wanted: Destination, policy: Policy, buckets: Sequence[str]) -> None:
    """Raises Problem 422."""
    if not wanted.url.startswith(S3):
        check_address(policy, wanted.url, "destination.url")
        return
    place = wanted.url.removeprefix(S3).rstrip("/")
    if wanted.headers or ((at := place.partition("/")[2]) and not KEY.fullmatch(at)):
        raise _wrong("has headers, or a prefix of other characters than a-z, 0-9, '.', '_' and '-'")
    if not any(place == bucket or place.startswith(f"{bucket}/") for bucket in buckets):
        raise _wrong("is no bucket that this gateway may write to: give a presigned address")


def redacted(url: str) -> str:
    """What may be shown and kept: a presigned address opens a door by its query."""
    return urlsplit(url)._replace(query="", fragment="").geturl()


class Sender:
    def __init__(self, store: Store, transport: httpx.AsyncBaseTransport) -> None:
        self._store = store
        self._client = httpx.AsyncClient(transport=transport, trust_env=False, timeout=IDLE_S)

    async def close(self) -> None:
        await self._client.aclose()

    async def send(self, url: str, headers: Mapping[str, str], keys: Sequence[str]) -> None:
        """The files of the video, itself the first. Raises AvatarError: it knows of retries."""
        async with asyncio.timeout(LIMIT_S):
            if url.startswith(S3):
                await anyio.to_thread.run_sync(self._copy, url, keys, abandon_on_cancel=True)
            else:
                await self._put(url, headers, keys[0])

    def _copy(self, url: str, keys: Sequence[str]) -> None:
        from models.stores.s3 import S3Store

        bucket = S3Store.at(url)
        for key in keys:
            bucket.put(self._store.path(key), key.removeprefix("videos/"))

    async def _put(self, url: str, headers: Mapping[str, str], key: str) -> None:
        path = await anyio.to_thread.run_sync(self._store.path, key)
        told = {
            "Content-Type": KIND[path.suffix],
            "Content-Length": str(path.stat().st_size),
            **headers,
        }
        try:
            async with self._client.stream(
                "PUT", url, content=_chunks(path), headers=told
            ) as answer:
                _check(answer.status_code)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            reason = str(error) or type(error).__name__
            raise ServiceUnavailable(f"the destination fails: {reason}") from error


def _check(status: int) -> None:
    if status >= 500 or status in TRIED_AGAIN:
        raise ServiceUnavailable(f"the destination answers {status}")
    if not 200 <= status < 300:
        raise ServiceRefused(f"the destination answers {status}: check the address and its time")


async def _chunks(path: Path) -> AsyncIterator[bytes]:
    async with await anyio.open_file(path, "rb") as file:
        while chunk := await file.read(CHUNK_BYTES):
            yield chunk


def _wrong(why: str) -> Problem:
    return Problem(422, "destination_refused", f"destination.url {why}", field="destination.url")


def reason_of(error: Exception) -> tuple[str, bool]:
    """What the caller is told, and whether another attempt can help."""
    if isinstance(error, TimeoutError):
        return "the destination did not take it in time", True
    if isinstance(error, AvatarError):
        return str(error), error.retryable
    return "it failed on our side", True
