"""A journal as Langfuse shows it: a trace, its observations, the scores of the quality gate.

https://langfuse.com/integrations/native/opentelemetry names the attributes. Pictures are never
sent. Of what was written and said only the length is, unless the operator wants the words.
"""

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx

from models.journal import Generation, Journal, Stage, trace_id
from models.tracing.otlp import Span, Value, document, span_id
from models.usage import MILLION, Rates

TRACES, SCORES = "/api/public/otel/v1/traces", "/api/public/scores"
SCOPE = "avatar-orchestrator"
SERVICE = {"service.name": SCOPE}
TYPE, LEVEL, STATUS = (
    f"langfuse.observation.{name}" for name in ("type", "level", "status_message")
)
INPUT, OUTPUT, METADATA = (
    f"langfuse.observation.{name}" for name in ("input", "output", "metadata")
)
MODEL, TOKENS, COST = (
    f"langfuse.observation.{name}" for name in ("model.name", "usage_details", "cost_details")
)
TRACE_NAME, TRACE_METADATA = (f"langfuse.trace.{name}" for name in ("name", "metadata"))
USER, SESSION, ENVIRONMENT = "user.id", "session.id", "langfuse.environment"


@dataclass(frozen=True)
class Server:
    """Where traces go."""

    url: str
    public_key: str
    secret_key: str
    sampled: float = 1.0  # the share of videos that is told of
    words: bool = False  # topics and scripts too
    environment: str = "default"
    timeout_s: float = 5.0

    def wants(self, journal: Journal) -> bool:
        """The same video, the same answer, in every process."""
        return int(trace_id(journal.name)[:8], 16) < self.sampled * 2**32


def send(server: Server, journal: Journal, rates: Rates) -> None:
    """Raises httpx.HTTPError."""
    login = base64.b64encode(f"{server.public_key}:{server.secret_key}".encode()).decode()
    headers = {"Authorization": f"Basic {login}", "x-langfuse-ingestion-version": "4"}
    with httpx.Client(base_url=server.url, headers=headers, timeout=server.timeout_s) as client:
        spans = document(spans_of(journal, server, rates), SERVICE, SCOPE)
        client.post(TRACES, json=spans).raise_for_status()
        scores = list(scores_of(journal))
        if scores:
            _send_scores(client, scores)


def spans_of(journal: Journal, server: Server, rates: Rates) -> Iterator[Span]:
    """The flow run's first, then one for each stage and one for each answer of a model."""
    trace = trace_id(journal.name)
    root = span_id(trace, journal.run)
    shared = _shared(journal, server)
    yield Span(
        trace_id=trace,
        id=root,
        name="avatar-video",
        start=journal.started_at,
        seconds=journal.seconds,
        error=journal.code or None,
        attributes={**shared, TYPE: "span", **_metadata(METADATA, _facts(journal))},
    )
    ids = {stage.name: span_id(root, stage.name, stage.attempt) for stage in journal.stages}
    for stage in journal.stages:
        mine = span_id(root, stage.name, stage.attempt)
        above = ids.get(stage.within, root)
        yield _span(stage, trace, mine, above, {**shared, TYPE: "span", **_ended(stage)})
        if stage.generation is not None:
            told = _generation(stage.generation, server, rates)
            yield _span(stage, trace, span_id(mine, "generation"), mine, {**shared, **told})


def scores_of(journal: Journal) -> Iterator[dict[str, Any]]:
    trace = trace_id(journal.name)
    for stage in journal.stages:
        for check in (check for check in stage.checks if check.measured):
            yield {
                "id": span_id(trace, journal.run, stage.attempt, check.name),
                "traceId": trace,
                "name": check.name,
                "value": check.value,
                "dataType": "NUMERIC",
                "comment": f"{'passed' if check.passed else 'failed'}: must be {check.bar}",
            }


def _send_scores(client: httpx.Client, scores: list[dict[str, Any]]) -> None:
    """Together; a server from before they could be is told one after the other."""
    answer = client.post(SCORES, json=scores)
    if answer.status_code != httpx.codes.BAD_REQUEST:
        answer.raise_for_status()
        return
    for score in scores:
        client.post(SCORES, json=score).raise_for_status()


def _span(stage: Stage, trace: str, id: str, parent: str, told: dict[str, Value]) -> Span:
    name = told.get(MODEL, stage.name)
    return Span(
        trace_id=trace,
        id=id,
        name=str(name),
        start=stage.started_at,
        seconds=stage.seconds,
        parent=parent,
        error=stage.code or None,
        attributes=told,
    )


def _shared(journal: Journal, server: Server) -> dict[str, Value]:
    """On every span: Langfuse filters by them."""
    asked = journal.asked
    found: dict[str, Value] = {TRACE_NAME: "avatar-video", ENVIRONMENT: server.environment}
    if asked.owner:
        found[USER] = asked.owner
    if asked.batch:
        found[SESSION] = asked.batch
    return found | _metadata(TRACE_METADATA, {"video": journal.name, "request": asked.request})


def _facts(journal: Journal) -> dict[str, str]:
    return {"flow_run": journal.run, "outcome": journal.outcome, "code": journal.code}


def _ended(stage: Stage) -> dict[str, Value]:
    facts = {"worker": stage.worker, "engine": stage.engine, "attempt": str(stage.attempt)}
    used = {name: str(value) for name, value in stage.usage if value}
    level: dict[str, Value] = {LEVEL: "ERROR", STATUS: stage.code} if stage.code else {}
    return level | _metadata(METADATA, facts | used)


def _generation(made: Generation, server: Server, rates: Rates) -> dict[str, Value]:
    read = made.prompt_tokens * rates.prompt_million / MILLION
    wrote = made.completion_tokens * rates.completion_million / MILLION
    tokens = {"input": made.prompt_tokens, "output": made.completion_tokens}
    return {
        TYPE: "generation",
        MODEL: made.model,
        TOKENS: json.dumps(tokens),
        COST: json.dumps({"input": read, "output": wrote, "total": read + wrote}),
        INPUT: _words(made.asked, server),
        OUTPUT: _words(made.answered, server),
    }


def _words(text: str, server: Server) -> str:
    return text if server.words else f"[{len(text)} letters]"


def _metadata(prefix: str, facts: dict[str, str]) -> dict[str, Value]:
    return {f"{prefix}.{name}": value for name, value in facts.items() if value}
