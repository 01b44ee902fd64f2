"""What every route may answer besides success, for the OpenAPI document."""

from typing import Any

from fastapi import FastAPI

from api.problems import MEDIA_TYPE, ProblemDocument

Responses = dict[int | str, dict[str, Any]]
TEXTS = {
    400: "The body cannot be read.",
    401: "No valid key or token.",
    402: "The budget or `max_price` would be exceeded.",
    403: "The key lacks the scope, or the link does not hold.",
    404: "There is no such thing of yours.",
    408: "The body stopped coming.",
    409: "Not in this state.",
    413: "Too large.",
    415: "Not a kind of file that is taken.",
    416: "No such range of the file.",
    422: "Something in it is not right.",
    429: "Too many requests: see Retry-After.",
    503: "Not ready: see Retry-After.",
    507: "No room left.",
}
ALWAYS = (401, 403, 422, 429, 503)
BODY = (400, 408, 413)
REFERENCE = "#/components/schemas/{model}"


def problems(*statuses: int) -> Responses:
    content = {MEDIA_TYPE: {"schema": {"$ref": REFERENCE.format(model="ProblemDocument")}}}
    return {
        status: {"description": TEXTS[status], "content": content}
        for status in sorted({*ALWAYS, *statuses})
    }


def describe_problems(app: FastAPI) -> None:
    """Put the shape of a problem, which no route returns, among the document's schemas."""
    made = app.openapi

    def openapi() -> dict[str, Any]:
        document = made()
        schema = ProblemDocument.model_json_schema(ref_template=REFERENCE)
        found = {**schema.pop("$defs", {}), "ProblemDocument": schema}
        document["components"]["schemas"].update(found)
        return document

    app.openapi = openapi  # type: ignore[method-assign]
