"""Around every request: its id, its headers, its line in the log and its place in the metrics."""

import logging
import re
import secrets
import time
from collections.abc import MutableMapping
from typing import Any

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.metrics import Metrics

log = logging.getLogger("api.access")

GIVEN_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")
NOTHING = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(self)",
}


class Around:
    def __init__(self, app: ASGIApp, metrics: Metrics, *, https: bool) -> None:
        self._app, self._metrics, self._https = app, metrics, https

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        call = _Call(scope, self._https)

        async def telling(message: Message) -> None:
            if message["type"] == "http.response.start":
                call.answered(message)
            await send(message)

        try:
            await self._app(scope, receive, telling)
        finally:
            self._tell(scope, call)

    def _tell(self, scope: Scope, call: "_Call") -> None:
        """The address without its query: a signed link opens what it names."""
        route = getattr(scope.get("route"), "path", "unknown")
        method, seconds = scope["method"], call.seconds
        self._metrics.requests.labels(method, route, call.status).inc()
        self._metrics.seconds.labels(method, route).observe(seconds)
        facts = {
            "request_id": call.id,
            "method": method,
            "path": scope["path"],
            "status": call.status,
            "ms": round(1000 * seconds, 1),
            "owner": call.state.get("owner"),
        }
        log.info("%s %s %s", method, scope["path"], call.status, extra={"facts": facts})


class _Call:
    def __init__(self, scope: Scope, https: bool) -> None:
        self.id = _request_id(scope)
        self.status = 499  # until an answer begins: the caller left
        self.state: MutableMapping[str, Any] = scope.setdefault("state", {})
        self.state["request_id"] = self.id
        self.state["headers"] = {}
        self._https, self._began = https, time.perf_counter()
        self.seconds = 0.0

    def answered(self, message: Message) -> None:
        self.status, self.seconds = message["status"], time.perf_counter() - self._began
        headers = MutableHeaders(scope=message)
        headers["X-Request-ID"] = self.id
        for name, value in (HEADERS | self.state["headers"]).items():
            headers.setdefault(name, value)
        headers.setdefault("Content-Security-Policy", NOTHING)
        headers.setdefault("Cache-Control", "no-store")
        if self._https:
            headers.setdefault("Strict-Transport-Security", "max-age=31536000")


def _request_id(scope: Scope) -> str:
    for name, value in scope["headers"]:
        text = str(value, "latin-1")
        if name == b"x-request-id" and GIVEN_ID.fullmatch(text):
            return text
    return f"req_{secrets.token_hex(12)}"
