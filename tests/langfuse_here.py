"""A Langfuse that only listens: it keeps what it was sent, read as OTLP's own library reads it."""

import json
import threading
from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from google.protobuf import json_format  # type: ignore[import-untyped]
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

IDS = ("traceId", "spanId", "parentSpanId")
TRACES, SCORES = "/api/public/otel/v1/traces", "/api/public/scores"


@dataclass(frozen=True)
class Observed:
    """One span, its attributes by name."""

    trace: str
    id: str
    parent: str
    name: str
    seconds: float
    failed: bool
    attributes: dict[str, Any]


@dataclass
class Captured:
    port: int
    spans: list[Observed] = field(default_factory=list)
    scores: list[dict[str, Any]] = field(default_factory=list)
    logins: set[str] = field(default_factory=set)
    bodies: list[bytes] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)  # traces
    refusing_deletes: int = 0
    failing: int = 0  # so many requests are answered 503 first
    one_score_at_a_time: bool = False  # as servers before version 4
    hold: threading.Event | None = None  # answers when it is set

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def of(self, trace: str) -> list[Observed]:
        return [span for span in self.spans if span.trace == trace]


@contextmanager
def langfuse(port: int = 0) -> Iterator[Captured]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if made.hold is not None:
                made.hold.wait(30)
            made.bodies.append(body)
            made.logins.add(b64decode(self.headers["Authorization"].split()[1]).decode())
            self._answer(_kept(made, self.path, body))

        def do_DELETE(self) -> None:
            if made.refusing_deletes:
                made.refusing_deletes -= 1
                self._answer(503)
                return
            made.deleted.append(self.path.rpartition("/")[2])
            self._answer(200)

        def _answer(self, status: int) -> None:
            try:
                self.send_response(status)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"{}")
            except OSError:
                return  # nobody waits for it any more

        def log_message(self, *_: object) -> None:
            """Not into the test's output."""

    with ThreadingHTTPServer(("127.0.0.1", port), Handler) as server:
        made = Captured(server.server_address[1])
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield made
        finally:
            if made.hold is not None:
                made.hold.set()
            server.shutdown()
            thread.join()


def _kept(made: Captured, path: str, body: bytes) -> int:
    """The status that it is answered with."""
    if made.failing:
        made.failing -= 1
        return 503
    if path == TRACES:
        made.spans += _spans(body)
        return 200
    scores = json.loads(body)
    if path != SCORES or (made.one_score_at_a_time and isinstance(scores, list)):
        return 400
    made.scores += scores if isinstance(scores, list) else [scores]
    return 202


def _spans(body: bytes) -> Iterator[Observed]:
    """Ids are hexadecimal in OTLP's JSON and base64 in protobuf's, which the library reads."""
    document = json.loads(body)
    sent = [s for r in document["resourceSpans"] for p in r["scopeSpans"] for s in p["spans"]]
    named = [{name: span.pop(name, "") for name in IDS} for span in sent]
    request = json_format.ParseDict(document, ExportTraceServiceRequest())
    found = [s for r in request.resource_spans for p in r.scope_spans for s in p.spans]
    for ids, span in zip(named, found, strict=True):
        yield Observed(
            trace=ids["traceId"],
            id=ids["spanId"],
            parent=ids["parentSpanId"],
            name=span.name,
            seconds=(span.end_time_unix_nano - span.start_time_unix_nano) / 1e9,
            failed=span.status.code == 2,
            attributes={one.key: _value(one.value) for one in span.attributes},
        )


def _value(value: Any) -> Any:  # noqa: ANN401, protobuf's
    return getattr(value, value.WhichOneof("value"))
