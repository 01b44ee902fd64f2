"""Queries as the document has them: a parameter that nobody reads would be a filter that fails."""

from collections.abc import Callable, Coroutine
from typing import Any, get_args, get_origin

from fastapi import Request, Response
from fastapi.dependencies.utils import get_flat_params
from fastapi.params import ParamTypes
from fastapi.routing import APIRoute

from api.problems import Problem


class StrictRoute(APIRoute):
    """A route that refuses query parameters it does not know, and those it takes once, twice."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()
        many = {
            field.alias: _takes_many(field.field_info.annotation)
            for field in get_flat_params(self.dependant)
            if getattr(field.field_info, "in_", None) == ParamTypes.query
        }

        async def strictly(request: Request) -> Response:
            _check(request, many)
            return await handle(request)

        return strictly


def _check(request: Request, many: dict[str, bool]) -> None:
    seen: set[str] = set()
    for name, _ in request.query_params.multi_items():
        if name not in many:
            known = ", ".join(sorted(many)) or "none"
            raise _wrong(name, f"is no parameter of this address: use one of {known}")
        if name in seen and not many[name]:
            raise _wrong(name, "comes twice: give it once")
        seen.add(name)


def _wrong(name: str, why: str) -> Problem:
    shown = name[:60]
    return Problem(422, "invalid_request", f"{shown!r} {why}", field=shown)


def _takes_many(annotation: Any) -> bool:  # noqa: ANN401, a type
    return get_origin(annotation) is list or any(map(_takes_many, get_args(annotation)))
