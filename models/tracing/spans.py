"""A journal as observations of Langfuse's SDK: a trace, its stages, the answers of models.

Pictures are never told of. Of what was written and said only the length is, unless the operator
wants the words.
"""

import hashlib
from datetime import datetime, timedelta
from typing import Any

from langfuse import (
    Langfuse,
    LangfuseGeneration,
    LangfuseSpan,
    __version__,
    propagate_attributes,
)
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.trace import INVALID_SPAN, Span, set_span_in_context

from models.journal import Generation, Journal, Stage, trace_id
from models.tracing.server import Server
from models.usage import MILLION, Rates

FLOW = "avatar-video"
SCOPE = "langfuse-sdk"  # the SDK's own: by it the server knows how metadata is written
SECOND_NS = 1_000_000_000


def span_id(*parts: object) -> str:
    """16 hexadecimal digits. The same parts, the same span: what is sent twice is one."""
    text = "\0".join(map(str, parts))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


class Recorder:
    """For one thread, and once a process: the SDK keeps one client for each public key."""

    def __init__(self, server: Server, rates: Rates) -> None:
        self._words, self._rates = server.words, rates
        self._ids, self._ended = _Ids(), InMemorySpanExporter()
        self._provider = TracerProvider(
            sampler=ALWAYS_ON,
            resource=Resource({"service.name": "avatar-orchestrator"}),
            id_generator=self._ids,
            shutdown_on_exit=False,
        )
        self.client = Langfuse(
            public_key=server.public_key,
            secret_key=server.secret_key,
            base_url=server.url,
            environment=server.environment,
            timeout=server.timeout_s,
            tracer_provider=self._provider,
            span_exporter=self._ended,
        )
        self._tracer = self._provider.get_tracer(
            SCOPE, __version__, attributes={"public_key": server.public_key}
        )

    def spans(self, journal: Journal) -> tuple[ReadableSpan, ...]:
        """The flow run's, one for each stage and one for each answer of a model."""
        asked = journal.asked
        self._ended.clear()
        with propagate_attributes(
            trace_name=FLOW,
            user_id=asked.owner or None,
            session_id=asked.batch or None,
            metadata=_known({"video": journal.name, "request": asked.request}),
        ):
            self._record(journal)
        self._provider.force_flush()
        return self._ended.get_finished_spans()

    def _record(self, journal: Journal) -> None:
        """None ends before all have begun: one whose parent has ended is a root to the SDK."""
        self._ids.trace = trace_id(journal.name)
        id = span_id(self._ids.trace, journal.run)
        root = self._start(id, FLOW, journal.started_at)
        facts = {"flow_run": journal.run, "outcome": journal.outcome, "code": journal.code}
        self._observe(root, facts, journal.code)
        ends = [(root, journal.started_at, journal.seconds)]
        begun: dict[str, Span] = {}
        for stage in sorted(journal.stages, key=lambda one: bool(one.within)):
            mine = span_id(id, stage.name, stage.attempt)
            above = begun.get(stage.within, root)
            span = begun[stage.name] = self._start(mine, stage.name, stage.started_at, above)
            self._observe(span, _facts(stage), stage.code)
            ends.append((span, stage.started_at, stage.seconds))
            if (made := stage.generation) is not None:
                under = self._start(span_id(mine, "generation"), made.model, stage.started_at, span)
                self._observe_generation(under, made, stage.code)
                ends.append((under, stage.started_at, stage.seconds))
        for span, began, seconds in ends:
            span.end(_nanoseconds(began + timedelta(seconds=max(seconds, 0.0))))

    def _start(self, id: str, name: str, at: datetime, parent: Span = INVALID_SPAN) -> Span:
        """By the tracer: the SDK's own observations begin now."""
        self._ids.span = id
        above = set_span_in_context(parent)
        return self._tracer.start_span(name, above, start_time=_nanoseconds(at))

    def _observe(self, span: Span, facts: dict[str, str], code: str) -> None:
        LangfuseSpan(
            otel_span=span, langfuse_client=self.client, metadata=_known(facts), **_ending(code)
        )

    def _observe_generation(self, span: Span, made: Generation, code: str) -> None:
        read = made.prompt_tokens * self._rates.prompt_million / MILLION
        wrote = made.completion_tokens * self._rates.completion_million / MILLION
        LangfuseGeneration(
            otel_span=span,
            langfuse_client=self.client,
            model=made.model,
            usage_details={"input": made.prompt_tokens, "output": made.completion_tokens},
            cost_details={"input": read, "output": wrote, "total": read + wrote},
            input=self._shown(made.asked),
            output=self._shown(made.answered),
            **_ending(code),
        )

    def _shown(self, text: str) -> str:
        return text if self._words else f"[{len(text)} letters]"


class _Ids(IdGenerator):
    """Those that were set, not random ones."""

    trace = span = ""

    def generate_trace_id(self) -> int:
        return int(self.trace, 16)

    def generate_span_id(self) -> int:
        return int(self.span, 16)


def _facts(stage: Stage) -> dict[str, str]:
    facts = {"worker": stage.worker, "engine": stage.engine, "attempt": str(stage.attempt)}
    return facts | {name: str(value) for name, value in stage.usage if value}


def _known(facts: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in facts.items() if value}


def _ending(code: str) -> dict[str, Any]:
    return {"level": "ERROR", "status_message": code} if code else {}


def _nanoseconds(at: datetime) -> int:
    whole = int(at.replace(microsecond=0).timestamp())
    return whole * SECOND_NS + at.microsecond * 1000
