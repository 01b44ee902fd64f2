"""What Prometheus reads of one gateway process."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


class Metrics:
    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self.requests = Counter(
            "avatar_gateway_requests",
            "Answered requests",
            ("method", "route", "status"),
            registry=self._registry,
        )
        self.seconds = Histogram(
            "avatar_gateway_request_seconds",
            "Time to the answer's first byte",
            ("method", "route"),
            buckets=SECONDS,
            registry=self._registry,
        )
        self.webhook_attempts = Counter(
            "avatar_gateway_webhook_attempts",
            "Messages sent to webhooks and callbacks: delivered, or failed",
            ("outcome",),
            registry=self._registry,
        )
        self.open_videos = self._gauge("avatar_gateway_open_videos", "Accepted, not finished")
        self.undispatched = self._gauge(
            "avatar_gateway_undispatched_videos", "Accepted, not yet given to Prefect"
        )
        self.oldest_undispatched_s = self._gauge(
            "avatar_gateway_oldest_undispatched_seconds", "How long the first of them waits"
        )
        self.prefect_up = self._gauge("avatar_gateway_prefect_up", "1: Prefect answered last time")
        self.redis_up = self._gauge("avatar_gateway_redis_up", "1: limits are shared in Redis")
        self.leader = self._gauge("avatar_gateway_leader", "1: this process dispatches")

    def _gauge(self, name: str, text: str) -> Gauge:
        return Gauge(name, text, registry=self._registry)

    def text(self) -> bytes:
        return generate_latest(self._registry)
