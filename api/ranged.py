"""A file in ranges, whose refusals are problems like all others."""

from fastapi import Request
from fastapi.responses import FileResponse
from starlette.types import Message, Receive, Scope, Send

from api.problems import Problem, answer


class RangedFile(FileResponse):
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] >= 400:
                raise _refusal(message)
            await send(message)

        try:
            await super().__call__(scope, receive, sending)
        except Problem as problem:
            await answer(problem, Request(scope))(scope, receive, send)


def _refusal(start: Message) -> Problem:
    if start["status"] == 416:
        told = {name.decode(): value.decode() for name, value in start["headers"]}
        size = {"Content-Range": told["content-range"]}
        return Problem(
            416, "range_not_satisfiable", "the file is shorter: see Content-Range", headers=size
        )
    return Problem(400, "range_malformed", "the Range is none: send bytes=FIRST-LAST, or no Range")
