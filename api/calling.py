"""One call of the HTTP API, tried again where that is safe, and what it raises in the end.

Everything the gateway does may be asked for twice: creating carries an Idempotency-Key, uploads
are known by their hash, the rest only reads or ends things.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import httpx

ATTEMPTS = 5
FIRST_WAIT_S, LONGEST_WAIT_S = 0.5, 65.0  # a rate is full for a minute at most
TRIED_AGAIN = frozenset({408, 429, 500, 502, 503, 504})
IN_PROGRESS = "idempotency_in_progress"
UNREACHABLE = "unreachable"
SILENCE_S = 45.0  # of a stream, which beats every 15


class ApiError(Exception):
    """The gateway refused, failed, or was not there. `code` is stable, the text is for people."""

    def __init__(
        self,
        detail: str,
        *,
        code: str,
        status: int | None = None,
        field: str | None = None,
        remedy: str | None = None,
        request_id: str | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(detail)
        self.code, self.status, self.field, self.remedy = code, status, field, remedy
        self.request_id, self.retry_after_s = request_id, retry_after_s

    @property
    def retryable(self) -> bool:
        return self.status is None or self.status in TRIED_AGAIN or self.code == IN_PROGRESS

    @classmethod
    def of(cls, answer: httpx.Response) -> "ApiError":
        """What a problem document says; a proxy may send something else."""
        try:
            told = answer.json()
        except ValueError:
            told = None
        told = told if isinstance(told, dict) else {}
        return cls(
            str(told.get("detail") or f"the gateway answered {answer.status_code}"),
            code=str(told.get("code") or f"http_{answer.status_code}"),
            status=answer.status_code,
            field=told.get("field"),
            remedy=told.get("remedy"),
            request_id=answer.headers.get("x-request-id"),
            retry_after_s=_seconds(answer.headers.get("retry-after")),
        )


class Calls:
    """A connection to one gateway; without a key it opens what needs none."""

    def __init__(
        self,
        url: str,
        key: str | None,
        *,
        timeout_s: float = 60.0,
        attempts: int = ATTEMPTS,
        sleep: Callable[[float], None] = time.sleep,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        if not url.startswith(("http://", "https://")):
            raise ValueError(f"no address of a gateway: {url!r}: use https://…")
        if key is not None and not (key.isascii() and key.isprintable() and " " not in key):
            raise ValueError("the key holds what no key holds: copy it again")
        headers = {} if key is None else {"Authorization": f"Bearer {key}"}
        self._http = httpx.Client(
            base_url=url, headers=headers, timeout=timeout_s, transport=transport
        )
        self._attempts, self._sleep = attempts, sleep

    def close(self) -> None:
        self._http.close()

    def send(
        self,
        method: str,
        path: str,
        *,
        content: str | None = None,
        file: Path | None = None,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, Any] | None = None,
    ) -> httpx.Response:
        """The answer of a success. Raises ApiError, after as many attempts as may help."""
        attempt = 0
        while True:
            attempt += 1
            try:
                with file.open("rb") if file else nullcontext(content) as body:
                    answer = self._http.request(
                        method, path, content=body, headers=headers, params=params
                    )
                gone_before = method == "DELETE" and answer.status_code == 404 and attempt > 1
                if answer.is_success or gone_before:
                    return answer
                error = ApiError.of(answer)
            except httpx.TransportError as lost:
                error = self._unreachable(lost)
            self.wait_after(error, attempt)

    def wait_after(self, error: ApiError, attempt: int) -> None:
        """As long as the gateway asks for, or longer each time. Raises the error when in vain."""
        wait_s = error.retry_after_s
        if wait_s is None:
            wait_s = min(FIRST_WAIT_S * 2 ** (attempt - 1), LONGEST_WAIT_S)
        if attempt >= self._attempts or not error.retryable or wait_s > LONGEST_WAIT_S:
            raise error
        self._sleep(wait_s)

    def save(self, url: str, place: Path) -> None:
        """Write a file, whole or not at all. Raises ApiError."""
        part, attempt = place.with_name(f"{place.name}.part"), 0
        try:
            while not self._written(url, part, attempt := attempt + 1):
                pass
            part.replace(place)
        finally:
            part.unlink(missing_ok=True)

    def _written(self, url: str, part: Path, attempt: int) -> bool:
        try:
            with self.stream(url) as answer, part.open("wb") as file:
                for chunk in answer.iter_bytes():
                    file.write(chunk)
        except ApiError as error:
            self.wait_after(error, attempt)
            return False
        return True

    @contextmanager
    def stream(
        self, path: str, headers: Mapping[str, str] | None = None
    ) -> Iterator[httpx.Response]:
        """A success whose body is still to come, one attempt. Raises ApiError."""
        try:
            with self._http.stream("GET", path, headers=headers, timeout=SILENCE_S) as answer:
                if not answer.is_success:
                    answer.read()
                    raise ApiError.of(answer)
                yield answer
        except httpx.TransportError as lost:
            raise self._unreachable(lost) from lost

    def _unreachable(self, lost: httpx.TransportError) -> ApiError:
        reason = str(lost) or type(lost).__name__
        error = ApiError(
            f"{self._http.base_url} does not answer ({reason}): check the address and the network",
            code=UNREACHABLE,
        )
        error.__cause__ = lost
        return error


def _seconds(retry_after: str | None) -> float | None:
    """Seconds, or a date, as RFC 9110 has it."""
    if retry_after is None:
        return None
    if retry_after.isdecimal():
        return float(retry_after)
    try:
        at = parsedate_to_datetime(retry_after)
    except ValueError:
        return None
    return max(0.0, (at.astimezone(UTC) - datetime.now(UTC)).total_seconds())
