"""One attempt: a signed POST through the guard, bounded in time and in what is read."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

import httpx

from api.clock import now
from models.errors import AddressRefused

LIMIT_S = 10.0  # for the whole attempt
READ_BYTES = 64 * 1024
EXCERPT = 500  # characters of the answer that are kept
AGENT = "Avatar-Orchestrator-Webhooks/1"


@dataclass(frozen=True)
class Outcome:
    at: datetime
    status: int | None = None  # of HTTP; None: there was no answer
    latency_ms: int = 0
    excerpt: str | None = None
    error: str | None = None
    retry_after: str | None = None

    @property
    def delivered(self) -> bool:
        return self.status is not None and 200 <= self.status < 300

    def logged(self) -> dict[str, Any]:
        facts = asdict(self)
        del facts["retry_after"]
        return {**facts, "at": self.at.isoformat()}


class Sender:
    def __init__(self, transport: httpx.AsyncBaseTransport) -> None:
        self._client = httpx.AsyncClient(
            transport=transport, trust_env=False, follow_redirects=False, timeout=LIMIT_S
        )

    async def close(self) -> None:
        await self._client.aclose()

    async def send(self, url: str, body: bytes, headers: Mapping[str, str]) -> Outcome:
        """What came of it; a receiver's failure is no exception."""
        began = time.perf_counter()
        outcome = await self._attempt(url, body, headers)
        return replace(outcome, latency_ms=round(1000 * (time.perf_counter() - began)))

    async def _attempt(self, url: str, body: bytes, headers: Mapping[str, str]) -> Outcome:
        outcome = Outcome(now())
        request = self._client.build_request("POST", url, content=body, headers=_all(headers))
        try:
            async with asyncio.timeout(LIMIT_S):
                answer = await self._client.send(request, stream=True)
                try:  # from here on it is known what the receiver thinks
                    outcome = replace(
                        outcome,
                        status=answer.status_code,
                        retry_after=answer.headers.get("retry-after"),
                    )
                    return replace(outcome, excerpt=await _excerpt(answer))
                finally:
                    await answer.aclose()
        except TimeoutError:
            told = None if outcome.status else f"no answer within {LIMIT_S:.0f} s: answer faster"
            return replace(outcome, error=told)
        except AddressRefused as error:
            return replace(outcome, error=str(error))
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            told = None if outcome.status else str(error) or type(error).__name__
            return replace(outcome, error=told and told[:EXCERPT])


def _all(headers: Mapping[str, str]) -> dict[str, str]:
    return {
        "Content-Type": "application/json",
        "User-Agent": AGENT,
        "Accept-Encoding": "identity",  # what is packed could unpack to anything
        **headers,
    }


async def _excerpt(answer: httpx.Response) -> str | None:
    """The beginning of the answer, as plain text."""
    read = b""
    async for part in answer.aiter_raw():
        read += part
        if len(read) >= READ_BYTES:
            break
    text = read[: 4 * EXCERPT].decode("utf-8", "replace")
    plain = "".join(one if one.isprintable() or one in "\n\t" else " " for one in text)
    return plain[:EXCERPT] or None
