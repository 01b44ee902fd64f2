"""Every error as application/problem+json (RFC 9457), with a code to program against.

{"type": "urn:avatar:problem:face_not_found", "title": …, "status": 422, "code": …,
 "detail": "what is wrong: what to do", "remedy": "what to do", "field": "portrait.upload",
 "request_id": "req_…", "errors": [{"field": …, "message": …}]}
"""

import logging
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from sqlalchemy.exc import SQLAlchemyError
from starlette.exceptions import HTTPException

from api.database import REFUSING, is_away
from models.errors import (
    AudioTooLarge,
    AvatarError,
    DiskFull,
    ImageTooLarge,
    InputError,
    OutputError,
    RateLimited,
    ServiceError,
    SetupError,
)

log = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_S = 5
MOST_FINDINGS = 20


class Finding(BaseModel):
    field: str
    message: str


class ProblemDocument(BaseModel):
    """An error. `code` is stable; `detail` is for people."""

    type: str = Field(examples=["urn:avatar:problem:budget_exceeded"])
    title: str
    status: int
    code: str
    detail: str
    remedy: str | None = None
    field: str | None = None
    request_id: str
    errors: list[Finding] = []


class Problem(Exception):
    """Raised anywhere below a route; the answer is made of it."""

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        *,
        field: str | None = None,
        headers: Mapping[str, str] | None = None,
        errors: Sequence[Finding] = (),
        **more: object,
    ) -> None:
        super().__init__(detail)
        self.status, self.code, self.detail, self.field = status, code, detail, field
        self.headers, self.errors, self.more = dict(headers or {}), tuple(errors), more


def not_found(kind: str, name: str) -> Problem:
    """Also for what belongs to somebody else: who asks learns nothing."""
    shown = name if name.isprintable() and len(name) <= 60 else name[:60].encode("unicode_escape")
    text = shown if isinstance(shown, str) else shown.decode()
    return Problem(
        404, "not_found", f"there is no {kind} {text!r}: check the id and whose key asks"
    )


def unavailable(detail: str, retry_after_s: int = RETRY_AFTER_S) -> Problem:
    return Problem(503, "service_unavailable", detail, headers={"Retry-After": str(retry_after_s)})


def of_error(error: AvatarError, field: str | None = None) -> Problem:
    """One of models.errors, as what HTTP calls it."""
    if isinstance(error, ServiceError | SetupError | DiskFull | OutputError):
        wait = getattr(error, "retry_after_s", None) or RETRY_AFTER_S
        status = 507 if isinstance(error, DiskFull) else 503
        headers = {"Retry-After": str(round(wait))} if status == 503 else {}
        told = (RateLimited, DiskFull)  # others name the operator's machines
        detail = str(error) if isinstance(error, told) else "storage is not ready: try again later"
        log.error("cannot serve: %s: %s", error.code, error)
        return Problem(status, error.code, detail, field=field, headers=headers)
    if isinstance(error, ImageTooLarge | AudioTooLarge):
        return Problem(413, error.code, str(error), field=field)
    if isinstance(error, InputError):
        return Problem(422, error.code, str(error), field=field)
    log.error("unexpected: %s: %s", error.code, error)
    return Problem(500, error.code, "this failed on our side: try again, or tell the operator")


def answer(problem: Problem, request: Request) -> JSONResponse:
    document = ProblemDocument(
        type=f"urn:avatar:problem:{problem.code}",
        title=HTTPStatus(problem.status).phrase,
        status=problem.status,
        code=problem.code,
        detail=_sendable(problem.detail),
        remedy=_remedy(_sendable(problem.detail)),
        field=problem.field,
        request_id=getattr(request.state, "request_id", ""),
        errors=list(problem.errors),
    )
    content = document.model_dump(exclude_none=True) | problem.more
    return JSONResponse(content, problem.status, problem.headers, MEDIA_TYPE)


def install(app: FastAPI) -> None:
    app.add_exception_handler(Problem, _problem)
    app.add_exception_handler(AvatarError, _avatar_error)
    for kind in (SQLAlchemyError, OSError, *REFUSING):  # a driver's own while it connects
        app.add_exception_handler(kind, _database)
    app.add_exception_handler(RequestValidationError, _validation)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _unexpected)


async def _problem(request: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, Problem):
        raise error
    return answer(error, request)


async def _avatar_error(request: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, AvatarError):
        raise error
    return answer(of_error(error), request)


async def _database(request: Request, error: Exception) -> JSONResponse:
    """Away, restarting or locked: what was not answered was not accepted, and may be sent again."""
    if not is_away(error):
        return await _unexpected(request, error)
    log.error("the database does not answer: %s", error)
    return answer(unavailable("the database does not answer: try again in a few seconds"), request)


async def _validation(request: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, RequestValidationError):
        raise error
    return answer(of_findings(error.errors()), request)


def of_findings(found: Sequence[Any]) -> Problem:
    """Pydantic's findings; the first one is the detail."""
    errors = [_finding(one) for one in found[:MOST_FINDINGS]]
    if found[0]["type"] == "json_invalid":
        reason = found[0]["ctx"]["error"]
        return Problem(
            400, "json_invalid", f"the body is not JSON ({reason}): send one value in UTF-8"
        )
    first = errors[0]
    detail = f"{first.field or 'the body'} is not right: {first.message}"
    return Problem(422, "invalid_request", detail, field=first.field or None, errors=errors)


def _finding(found: Mapping[str, Any]) -> Finding:
    place = [str(part) for part in found["loc"] if part not in ("body", "query", "path", "header")]
    message = str(found["msg"]).removeprefix("Value error, ")
    message = message[:1].lower() + message[1:]
    if found["type"] == "missing":
        message = "it is missing, give it a value"
    return Finding(field=_sendable(".".join(place))[:200], message=_sendable(message)[:500])


async def _http(request: Request, error: Exception) -> JSONResponse:
    """The framework's own: no such route, no such method, an unreadable body."""
    if not isinstance(error, HTTPException):
        raise error
    codes = {  # not HTTPStatus's names, which change with Python
        400: "json_invalid",
        404: "not_found",
        405: "method_not_allowed",
        408: "request_timeout",
        413: "content_too_large",
    }
    details = {
        404: "there is no such address: see /docs",
        405: "this address knows no such method: see the Allow header",
        400: "the body cannot be read: send JSON in UTF-8",
    }
    status = error.status_code
    problem = Problem(
        status,
        codes.get(status, HTTPStatus(status).name.lower()),
        details.get(status, str(error.detail)),
        headers=error.headers,
    )
    return answer(problem, request)


async def _unexpected(request: Request, error: Exception) -> JSONResponse:
    log.exception("unexpected", exc_info=error)
    problem = Problem(500, "internal", "this failed on our side: try again, or tell the operator")
    return answer(problem, request)


def _remedy(detail: str) -> str | None:
    """Our sentences say what is wrong, a colon, what to do."""
    _, colon, remedy = detail.rpartition(": ")
    return remedy if colon else None


def _sendable(text: str) -> str:
    """Lone surrogates, which JSON can smuggle in, cannot be sent as UTF-8."""
    return text.encode("utf-8", "replace").decode("utf-8")
