"""Mistral's chat API: one question, one answer, its failures in our words."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx2
from mistralai.client import Mistral
from mistralai.client.errors import MistralError, NoResponseError, ResponseValidationError
from mistralai.client.models import TextChunk
from mistralai.extra.utils.response_format import response_format_from_pydantic_model
from pydantic import BaseModel

from models.errors import MissingKey, RateLimited, ServiceRefused, ServiceUnavailable

ATTEMPTS = 3
LONGEST_WAIT_S = 30.0  # a caller that must wait longer is told so instead
PASSING = frozenset({408, 425, 500, 502, 503, 504})
SHOWN_CHARS = 200

Message = dict[str, str]


@dataclass(frozen=True)
class Usage:
    """Tokens, which is what a language model costs."""

    prompt_tokens: int = 0
    completion_tokens: int = 0

    def __add__(self, more: "Usage") -> "Usage":
        return Usage(
            self.prompt_tokens + more.prompt_tokens,
            self.completion_tokens + more.completion_tokens,
        )


@dataclass(frozen=True)
class Answer:
    content: str
    model: str
    usage: Usage


class ChatService:
    """Asks again after the wait that the service names, or a growing one, up to ATTEMPTS times.

    Raises MissingKey without a key; RateLimited, ServiceUnavailable, ServiceRefused.
    """

    def __init__(
        self,
        api_key: str | None,
        *,
        base_url: str | None = None,
        timeout_s: float = 60.0,
        backoff_s: float = 1.0,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        if not api_key:
            raise MissingKey(
                "writing a script from a topic needs a Mistral key: set MISTRAL_API_KEY"
            )
        self._options: dict[str, Any] = {
            "api_key": api_key,
            "server_url": base_url,
            "timeout_ms": round(timeout_s * 1000),
        }
        self._backoff_s, self._sleep = backoff_s, sleep

    def ask(
        self, messages: Sequence[Message], *, model: str, answer: type[BaseModel], max_tokens: int
    ) -> Answer:
        """One answer as JSON of the shape `answer`; a model may still get it wrong."""
        request: dict[str, Any] = {
            "model": model,
            "messages": list(messages),
            "response_format": response_format_from_pydantic_model(answer),
            "max_tokens": max_tokens,
        }
        with Mistral(**self._options) as client:
            for attempt in range(ATTEMPTS - 1):
                try:
                    return _completed(client, request)
                except (RateLimited, ServiceUnavailable) as error:
                    wait_s = self._wait_s(error, attempt)
                    if wait_s > LONGEST_WAIT_S:
                        raise
                    self._sleep(wait_s)
            return _completed(client, request)

    def _wait_s(self, error: RateLimited | ServiceUnavailable, attempt: int) -> float:
        named = error.retry_after_s if isinstance(error, RateLimited) else None
        return self._backoff_s * 2**attempt if named is None else named


def _completed(client: Mistral, request: dict[str, Any]) -> Answer:
    with translated():
        response = client.chat.complete(**request)
    message = response.choices[0].message if response.choices else None
    content = message.content if message else None
    if isinstance(content, list):
        content = "".join(chunk.text for chunk in content if isinstance(chunk, TextChunk))
    usage = Usage(response.usage.prompt_tokens or 0, response.usage.completion_tokens or 0)
    return Answer(content if isinstance(content, str) else "", response.model, usage)


@contextmanager
def translated() -> Iterator[None]:
    """The vendor's errors as ours; the only place that knows them."""
    try:
        yield
    except ResponseValidationError as error:
        raise ServiceUnavailable("Mistral answered with something unreadable: try again") from error
    except MistralError as error:
        raise _by_status(error) from error
    except httpx2.TimeoutException as error:
        raise ServiceUnavailable("Mistral did not answer in time: try again") from error
    except (httpx2.TransportError, NoResponseError) as error:
        raise ServiceUnavailable(f"Mistral cannot be reached ({error}): try again") from error


def _by_status(error: MistralError) -> RateLimited | ServiceUnavailable | ServiceRefused:
    status, said = error.status_code, " ".join(error.body.split())[:SHOWN_CHARS]
    if status == 429:
        return RateLimited("Mistral limits our rate: try again later", retry_after_s(error.headers))
    if status in PASSING:
        return ServiceUnavailable(f"Mistral failed with status {status}: try again")
    if status in {401, 403}:
        return ServiceRefused(f"Mistral refused the key (status {status}): check MISTRAL_API_KEY")
    return ServiceRefused(f"Mistral refused the request (status {status}): {said}")


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Retry-After in seconds, given as seconds or as a date; None where it says neither."""
    value = headers.get("retry-after", "")
    try:
        return max(0.0, float(value))
    except ValueError:  # then it may be a date
        pass
    try:
        return max(0.0, (parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError):  # a date without a zone cannot be told from now
        return None
