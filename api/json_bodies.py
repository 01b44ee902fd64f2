"""JSON bodies as RFC 8259 has them, and nothing that two readers would read differently.

Refused are other media types, other encodings than UTF-8, names that come twice, and NaN and
Infinity, which Python would let pass.
"""

import json
from collections import Counter
from collections.abc import Callable, Coroutine, Sequence
from email.message import Message
from typing import Any

from fastapi import Request, Response

from api.problems import Problem
from api.strict import StrictRoute


class JsonRoute(StrictRoute):
    """A strict route whose body, if it has one, is strict JSON."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()
        takes_body = self.body_field is not None

        async def strictly(request: Request) -> Response:
            if takes_body:
                _check_media_type(request)
            return await handle(_JsonRequest(request.scope, request.receive))

        return strictly


class _JsonRequest(Request):
    async def json(self) -> Any:  # noqa: ANN401, JSON
        return parsed(await self.body())


def parsed(body: bytes) -> Any:  # noqa: ANN401, JSON
    """Raises JSONDecodeError."""
    try:
        return json.loads(body.decode(), object_pairs_hook=_once, parse_constant=_no_number)
    except json.JSONDecodeError:
        raise
    except UnicodeDecodeError as error:
        raise json.JSONDecodeError("it is not UTF-8", "", error.start) from error
    except RecursionError as error:
        raise json.JSONDecodeError("it is nested too deep", "", 0) from error
    except ValueError as error:
        raise json.JSONDecodeError(str(error), "", 0) from error


def _once(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        ((most, _),) = Counter(name for name, _ in pairs).most_common(1)
        raise ValueError(f"{most[:40]!r} comes twice in one object")
    return found


def _no_number(name: str) -> Any:  # noqa: ANN401, as json.loads asks for
    raise ValueError(f"{name} is no number of JSON")


def _check_media_type(request: Request) -> None:
    given = request.headers.get("content-type")
    if given is None and not _has_body(request):
        return
    message = Message()
    message["Content-Type"] = given or "none"
    main, _, kind = message.get_content_type().partition("/")
    if main != "application" or not (kind == "json" or kind.endswith("+json")):
        raise Problem(
            415,
            "content_type_unsupported",
            "the body is not said to be JSON: send it with Content-Type application/json",
        )


def _has_body(request: Request) -> bool:
    length = request.headers.get("content-length", "0")
    return length != "0" or "transfer-encoding" in request.headers
