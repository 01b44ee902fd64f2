"""What every route may answer besides success, and which headers, for the OpenAPI document."""

from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI

from api.problems import MEDIA_TYPE, ProblemDocument

Responses = dict[int | str, dict[str, Any]]
Json = dict[str, Any]
TEXTS = {
    400: "The request cannot be read.",
    401: "No valid key or token.",
    402: "The budget or `max_price` would be exceeded.",
    403: "The key lacks the scope, or the link does not hold.",
    404: "There is no such thing of yours.",
    408: "The body stopped coming.",
    409: "Not in this state.",
    413: "Too large.",
    415: "Not of a kind that is taken.",
    416: "No such range of the file.",
    422: "Something in it is not right.",
    429: "Too many requests: see Retry-After.",
    503: "Not ready: see Retry-After.",
    507: "No room left.",
}
ALWAYS = (400, 401, 403, 415, 422, 429, 503)
BODY = (408, 413)
REFERENCE = "#/components/schemas/{model}"
HEADER = "#/components/headers/{name}"
TEXT, NUMBER = {"type": "string"}, {"type": "integer", "minimum": 0}
HEADERS: Json = {
    "X-Request-ID": {
        "description": "Yours, or one made here; also in the log and in problems.",
        "schema": TEXT,
        "required": True,
    },
    "RateLimit-Limit": {"description": "Requests a minute.", "schema": NUMBER},
    "RateLimit-Remaining": {"description": "Of these, left.", "schema": NUMBER},
    "RateLimit-Reset": {"description": "Seconds until one is free again.", "schema": NUMBER},
    "RateLimit-Policy": {"description": "The limit and its window.", "schema": TEXT},
    "Retry-After": {
        "description": "Try again after as many seconds.",
        "schema": NUMBER,
        "required": True,
    },
    "WWW-Authenticate": {"description": "Bearer.", "schema": TEXT, "required": True},
    "Location": {"description": "Its address.", "schema": TEXT, "required": True},
    "Idempotency-Replayed": {
        "description": "true: the answer to an earlier request with this key.",
        "schema": {"type": "string", "enum": ["true"]},
    },
}
RATE = [name for name in HEADERS if name.startswith("RateLimit-")]
OF_STATUS = {"401": ["WWW-Authenticate"], "429": ["Retry-After"], "503": ["Retry-After"]}
METHODS = frozenset({"get", "head", "post", "put", "patch", "delete"})


def problems(*statuses: int) -> Responses:
    content = {MEDIA_TYPE: {"schema": {"$ref": REFERENCE.format(model="ProblemDocument")}}}
    return {
        status: {"description": TEXTS[status], "content": content}
        for status in sorted({*ALWAYS, *statuses})
    }


def headers(*names: str) -> dict[str, Json]:
    return {name: {"$ref": HEADER.format(name=name)} for name in names}


def links(parameter: str, *operations: str) -> dict[str, Json]:
    """Where the id in a response's body leads: the parameter of these operations."""
    return {
        name: {"operationId": name, "parameters": {parameter: "$response.body#/id"}}
        for name in operations
    }


def describe(app: FastAPI) -> None:
    """Add to the document what no route returns or sends itself: problems, and shared headers."""
    made = app.openapi

    def openapi() -> Json:
        if app.openapi_schema is None:
            _complete(made())
        return made()

    app.openapi = openapi  # type: ignore[method-assign]


def _complete(document: Json) -> None:
    schema = ProblemDocument.model_json_schema(ref_template=REFERENCE)
    found = {**schema.pop("$defs", {}), "ProblemDocument": schema}
    document["components"]["schemas"].update(found)
    document["components"]["headers"] = HEADERS
    for operation in _operations(document):
        for status, response in operation["responses"].items():
            names = ["X-Request-ID", *OF_STATUS.get(status, [])]
            if operation.get("security") and status not in ("400", "401"):
                names += RATE
            response["headers"] = headers(*names) | response.get("headers", {})


def _operations(document: Json) -> Iterator[Json]:
    for path in document["paths"].values():
        for method, operation in path.items():
            if method in METHODS:
                yield operation
