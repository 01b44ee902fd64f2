"""What every route may answer besides success, for the OpenAPI document."""

from typing import Any

from api.problems import MEDIA_TYPE, ProblemDocument

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


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    schema = ProblemDocument.model_json_schema(ref_template="#/components/schemas/{model}")
    schema.pop("$defs", None)
    return {
        status: {
            "description": TEXTS[status],
            "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemDocument"}}},
        }
        for status in sorted({*ALWAYS, *statuses})
    }
