"""OpenTelemetry's spans as its JSON encoding has them: no library is needed to send a few.

https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

Value = str | int | float | bool
OK, ERROR, INTERNAL = 1, 2, 1
EPOCH_NS = 1_000_000_000


@dataclass(frozen=True)
class Span:
    trace_id: str  # 32 hexadecimal digits
    id: str  # 16
    name: str
    start: datetime
    seconds: float
    parent: str = ""
    error: str | None = None
    attributes: Mapping[str, Value] = field(default_factory=dict)


def span_id(*parts: object) -> str:
    """The same parts, the same span: what is sent twice is one."""
    text = "\0".join(map(str, parts))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def document(spans: Iterable[Span], service: Mapping[str, Value], scope: str) -> dict[str, Any]:
    """An ExportTraceServiceRequest."""
    one = {"scope": {"name": scope}, "spans": [_span(span) for span in spans]}
    return {
        "resourceSpans": [{"resource": {"attributes": _attributes(service)}, "scopeSpans": [one]}]
    }


def _span(span: Span) -> dict[str, Any]:
    status: dict[str, Any] = {"code": OK}
    if span.error is not None:
        status = {"code": ERROR, "message": span.error}
    return {
        "traceId": span.trace_id,
        "spanId": span.id,
        **({"parentSpanId": span.parent} if span.parent else {}),
        "name": span.name,
        "kind": INTERNAL,
        "startTimeUnixNano": _nanoseconds(span.start),
        "endTimeUnixNano": _nanoseconds(span.start + timedelta(seconds=max(span.seconds, 0.0))),
        "attributes": _attributes(span.attributes),
        "status": status,
    }


def _attributes(values: Mapping[str, Value]) -> list[dict[str, Any]]:
    return [{"key": name, "value": _value(value)} for name, value in values.items()]


def _value(value: Value) -> dict[str, Any]:
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        return {"intValue": str(value)}  # 64 bits are text in this encoding
    return {"doubleValue": value} if isinstance(value, float) else {"stringValue": value}


def _nanoseconds(at: datetime) -> str:
    whole = int(at.replace(microsecond=0).timestamp())
    return str(whole * EPOCH_NS + at.microsecond * 1000)
