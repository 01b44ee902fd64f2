"""A Langfuse that only listens: it keeps what it was sent, read as OTLP's own library reads it."""

import gzip
import json
import threading
from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from uuid import uuid4

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

METADATA = ("langfuse.trace.metadata.", "langfuse.observation.metadata.")
TRACES, SCORES = "/api/public/otel/v1/traces", "/api/public/scores"


@dataclass(frozen=True)
class Observed:
    """One span, its attributes by name."""

    trace: str  # 32 hexadecimal digits
    id: str  # 16
    parent: str  # 16, or none
    name: str
    began: float  # seconds since 1970
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
    rejecting_scores: bool = False
    # the SDK keeps one client for each key, so each server of a test process has its own
    public_key: str = field(default_factory=lambda: f"pk-{uuid4().hex}")
    hold: threading.Event | None = None  # answers when it is set
    held: str = ""  # which paths begin so; all
    asked: threading.Event = field(default_factory=threading.Event)  # a held one has come

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
            if made.hold is not None and self.path.startswith(made.held):
                made.asked.set()
                made.hold.wait(30)
            if self.headers["Content-Encoding"] == "gzip":
                body = gzip.decompress(body)
            made.bodies.append(body)
            made.logins.add(b64decode(self.headers["Authorization"].split()[1]).decode())
            self._answer(*_kept(made, self.path, body))

        def do_DELETE(self) -> None:
            if made.refusing_deletes:
                made.refusing_deletes -= 1
                self._answer(503)
                return
            made.deleted.append(self.path.rpartition("/")[2])
            self._answer(200)

        def _answer(self, status: int, told: object = None) -> None:
            body = json.dumps(told or {}).encode()
            try:
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)
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


def _kept(made: Captured, path: str, body: bytes) -> tuple[int, object]:
    """What it is answered with: a status and a body, as the SDK's models of the API have them."""
    if made.failing:
        made.failing -= 1
        return 503, None
    if path == TRACES:
        made.spans += _spans(body)
        return 200, None
    if path != SCORES:
        return 404, None
    scores = json.loads(body)
    if made.rejecting_scores:
        errors = [{"message": "no such trace"} for _ in scores]
        return 207, {"accepted": 0, "rejected": len(scores), "errors": errors}
    made.scores += scores
    return 202, {"message": "Accepted"}


def _spans(body: bytes) -> Iterator[Observed]:
    request = ExportTraceServiceRequest.FromString(body)
    for span in (s for r in request.resource_spans for p in r.scope_spans for s in p.spans):
        yield Observed(
            trace=span.trace_id.hex(),
            id=span.span_id.hex(),
            parent=span.parent_span_id.hex(),
            name=span.name,
            began=span.start_time_unix_nano / 1e9,
            seconds=(span.end_time_unix_nano - span.start_time_unix_nano) / 1e9,
            failed=span.status.code == 2,
            attributes={one.key: _value(one.key, one.value) for one in span.attributes},
        )


def _value(key: str, value: Any) -> Any:  # noqa: ANN401, protobuf's
    """Metadata is JSON, as the SDK writes it since version 5."""
    plain = getattr(value, value.WhichOneof("value"))
    return json.loads(plain) if key.startswith(METADATA) else plain
