"""One HTTP port that tells what the autoscaler sees, for whoever scales or watches the pool.

/metrics   Prometheus' text: for Prometheus, KEDA's prometheus scaler and CloudWatch's agent
/scale     JSON: for KEDA's metrics-api scaler, with valueLocation "desired" and targetValue "1"
/healthz   200 while looks succeed, else 503

While Prefect cannot be asked, /scale answers 503, /metrics leaves the numbers out, and KEDA keeps
what it has (its prometheus scaler with ignoreNullValues "false"): an old number would scale a pool
that nobody has looked at.
"""

import json
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    generate_latest,
)

from infra.autoscaler.rules import Decision, State
from models.errors import AvatarError, SetupError

STALE_AFTER_S = 60.0


@dataclass(frozen=True)
class Seen:
    pool: str
    waiting: int
    busy: int
    oldest_s: float
    workers: int
    desired: int
    reason: str


class Exporter:
    """A Watcher of the loop that serves what it was told last."""

    def __init__(
        self, pool: str, address: tuple[str, int], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._pool = pool
        self._clock = clock
        self._last: tuple[Seen, float] | None = None
        self._registry = CollectorRegistry()
        self._gauges = {
            "waiting": self._gauge("waiting_runs", "Runs that are due and not started."),
            "busy": self._gauge("busy_runs", "Runs that a worker holds."),
            "oldest_s": self._gauge("oldest_waiting_seconds", "How long the oldest run is due."),
            "workers": self._gauge("workers", "Workers started, without those that drain."),
            "desired": self._gauge("desired_workers", "Workers wanted by the rule."),
        }
        self._backup = Gauge(
            "avatar_pool_last_backup_timestamp_seconds",
            "When the models were last backed up; 0: never.",
            registry=self._registry,
        )
        self._up = self._gauge("up", "1 where the last look succeeded.")
        self._failures = Counter(
            "avatar_pool_failed_looks",
            "Looks that failed.",
            ["pool", "code"],
            registry=self._registry,
        )
        try:
            self._server = ThreadingHTTPServer(address, _handler(self))
        except OSError as error:
            raise SetupError(
                f"the exporter cannot listen on {address[0]}:{address[1]} ({error}): "
                "choose another port"
            ) from error
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    def __enter__(self) -> "Exporter":
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def seen(self, state: State, decision: Decision) -> None:
        last = Seen(
            pool=self._pool,
            waiting=state.waiting,
            busy=state.busy,
            oldest_s=state.oldest_s,
            workers=state.workers,
            desired=decision.workers,
            reason=decision.reason,
        )
        self._last = last, self._clock()
        for name, gauge in self._gauges.items():
            gauge.labels(self._pool).set(getattr(last, name))
        self._up.labels(self._pool).set(1)

    def backed_up(self, at: float) -> None:
        """Seconds since 1970, 0 for never."""
        self._backup.set(at)

    def failed(self, error: AvatarError) -> None:
        self._last = None
        for gauge in self._gauges.values():
            gauge.clear()
        self._up.labels(self._pool).set(0)
        self._failures.labels(self._pool, error.code).inc()

    def answer(self, path: str) -> tuple[HTTPStatus, str, bytes]:
        """Status, content type and body."""
        if path == "/metrics":
            return HTTPStatus.OK, CONTENT_TYPE_LATEST, generate_latest(self._registry)
        if path not in ("/scale", "/healthz"):
            return HTTPStatus.NOT_FOUND, "text/plain", b"try /metrics, /scale or /healthz\n"
        last = self._last
        if last is None or self._clock() - last[1] > STALE_AFTER_S:
            return HTTPStatus.SERVICE_UNAVAILABLE, "text/plain", b"the last look did not succeed\n"
        body = json.dumps(asdict(last[0])) if path == "/scale" else '"ok"'
        return HTTPStatus.OK, "application/json", body.encode()

    def _gauge(self, name: str, text: str) -> Gauge:
        return Gauge(f"avatar_pool_{name}", text, ["pool"], registry=self._registry)


def _handler(exporter: Exporter) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, kind, body = exporter.answer(self.path.partition("?")[0])
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Scrapes every few seconds are no news."""

    return Handler
