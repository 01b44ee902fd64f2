"""What Prometheus reads of one gateway process.

Labels have few values: no video's id is one. Ids stand on exemplars, one for each bucket, which
only OpenMetrics has a place for.
"""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.openmetrics import exposition

from models.contracts import VideoResult

VIDEO_SECONDS = (1, 2.5, 5, 10, 15, 30, 60, 90, 120, 300, 900)
STAGE_SECONDS = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120)
COSTS = (0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3)
RENDERING = ("prepare", "render")
PLAIN = "text/plain; version=0.0.4"
OPEN_METRICS = "application/openmetrics-text"
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
        self.budget_keys = Gauge(
            "avatar_gateway_budget_keys",
            "Keys that have used this much of their month's budget, percent",
            ("level",),
            registry=self._registry,
        )
        self.leader = self._gauge("avatar_gateway_leader", "1: this process dispatches")

        self._finished()

    def _finished(self) -> None:
        """What finished videos tell; counted by the gateway that leads."""
        self.videos = self._counter(
            "avatar_gateway_videos", "Finished videos; code is of what failed", "status", "code"
        )
        self.video_seconds = Histogram(
            "avatar_gateway_video_seconds",
            "From accepted to done",
            buckets=VIDEO_SECONDS,
            registry=self._registry,
        )
        self.stage_seconds = Histogram(
            "avatar_gateway_stage_seconds",
            "Time in each stage of a finished video, whenever it was made",
            ("stage",),
            buckets=STAGE_SECONDS,
            registry=self._registry,
        )
        self.frames = self._counter("avatar_gateway_frames", "Of finished videos", "renderer")
        self.render_seconds = self._counter(
            "avatar_gateway_render_seconds", "That rendering them took", "renderer"
        )
        self.speech_seconds = self._counter("avatar_gateway_speech_seconds", "Finished, of video")
        self.price = self._counter("avatar_gateway_price", "Of finished videos, in the currency")
        self.cost = Histogram(
            "avatar_gateway_video_cost",
            "That a finished video caused us, by its receipt",
            ("currency",),
            buckets=COSTS,
            registry=self._registry,
        )
        self.gpu_seconds = self._counter("avatar_gateway_gpu_seconds", "By receipts of videos")
        self.cpu_seconds = self._counter("avatar_gateway_cpu_seconds", "By receipts of videos")

    def done(self, result: VideoResult, took_s: float, price: float, video: str = "") -> None:
        """`video` is its id."""
        which = {"video": video} if video else None
        self.videos.labels("done", "").inc()
        self.video_seconds.observe(took_s, which)
        for stage, seconds in result.timings_s.items():
            if seconds > 0:
                self.stage_seconds.labels(stage).observe(seconds, which)
        self._accounted(result, which)
        rendering = sum(result.timings_s.get(stage, 0.0) for stage in RENDERING)
        if rendering > 0:  # else it came out of the cache, and tells nothing of the speed
            self.frames.labels(result.renderer).inc(result.frames)
            self.render_seconds.labels(result.renderer).inc(rendering)
        self.speech_seconds.inc(result.duration_s)
        self.price.inc(price)

    def _accounted(self, result: VideoResult, which: dict[str, str] | None) -> None:
        if (receipt := result.receipt) is not None:
            self.cost.labels(receipt.currency).observe(receipt.total, which)
            self.gpu_seconds.inc(receipt.usage.gpu_s)
            self.cpu_seconds.inc(receipt.usage.cpu_s)

    def not_done(self, status: str, code: str) -> None:
        self.videos.labels(status, code).inc()

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(name, text, labels, registry=self._registry)

    def _gauge(self, name: str, text: str) -> Gauge:
        return Gauge(name, text, registry=self._registry)

    def text(self, accept: str = PLAIN) -> tuple[bytes, str]:
        """The text and its media type: OpenMetrics, with exemplars, for who reads that."""
        if OPEN_METRICS in accept:
            text = exposition.generate_latest(self._registry)  # type: ignore[no-untyped-call]
            return text, exposition.CONTENT_TYPE_LATEST
        return generate_latest(self._registry), PLAIN
