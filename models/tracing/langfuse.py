"""Tells Langfuse of a journal: its spans, then the scores of the quality gate.

Both are sent here, in the caller's thread, and not by the SDK's queues: these tell nobody what they
lose, and at a process's end they wait for a server that is away.
"""

import base64
from collections.abc import Iterator

from langfuse import __version__
from langfuse.api import CreateScoreBatchResults, CreateScoreRequest, ScoreDataType
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace.export import SpanExportResult

from models.errors import ServiceUnavailable
from models.journal import Journal, trace_id
from models.tracing.server import Server
from models.tracing.spans import Recorder, span_id
from models.usage import Rates

TRACES = "/api/public/otel/v1/traces"


class Teller:
    """For one thread, and once a process, see Recorder."""

    def __init__(self, server: Server, rates: Rates) -> None:
        self._server = server
        self._recorder = Recorder(server, rates)
        self._exporter = OTLPSpanExporter(
            endpoint=server.url.rstrip("/") + TRACES,
            headers=_headers(server),
            timeout=server.timeout_s,
            compression=Compression.Gzip,
        )

    def send(self, journal: Journal) -> None:
        """Raises ServiceUnavailable, and for scores what the SDK raises."""
        spans = self._recorder.spans(journal)
        if not spans:
            raise ServiceUnavailable(
                "nothing is recorded: unset OTEL_SDK_DISABLED and LANGFUSE_TRACING_ENABLED"
            )
        if self._exporter.export(spans) is not SpanExportResult.SUCCESS:
            raise ServiceUnavailable(f"{self._server.url} took no spans; the line above says why")
        if scores := list(_scores(journal, self._server.environment)):
            answer = self._recorder.client.api.scores.create(request=scores)
            if isinstance(answer, CreateScoreBatchResults) and answer.rejected:
                raise ServiceUnavailable(f"{self._server.url} refused {answer.rejected} scores")


def _scores(journal: Journal, environment: str) -> Iterator[CreateScoreRequest]:
    trace = trace_id(journal.name)
    for stage in journal.stages:
        for check in (check for check in stage.checks if check.measured):
            yield CreateScoreRequest(
                id=span_id(trace, journal.run, stage.attempt, check.name),
                trace_id=trace,
                name=check.name,
                value=check.value,
                data_type=ScoreDataType("NUMERIC"),
                comment=f"{'passed' if check.passed else 'failed'}: must be {check.bar}",
                environment=environment,
                timestamp=stage.started_at,  # with the same id: the same score, if sent again
            )


def _headers(server: Server) -> dict[str, str]:
    """As the SDK's own exporter sends them."""
    login = base64.b64encode(f"{server.public_key}:{server.secret_key}".encode()).decode()
    return {
        "Authorization": f"Basic {login}",
        "x-langfuse-sdk-name": "python",
        "x-langfuse-sdk-version": __version__,
        "x-langfuse-public-key": server.public_key,
        "x-langfuse-ingestion-version": "4",
    }
