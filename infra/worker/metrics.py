"""/metrics in Prometheus' text format, /healthz and /readyz, on a port of the worker's own."""

import asyncio
import json
from collections.abc import Callable, Mapping
from http import HTTPStatus
from itertools import groupby

from models.tally import Name

READ_S = 5.0

Check = Callable[[], str | None]  # what is wrong, if anything


async def serve(
    host: str,
    port: int,
    metrics: Callable[[], Mapping[Name, float]],
    checks: Mapping[str, Check],
) -> asyncio.Server:
    """`checks` are paths that answer 200 or 503."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            request = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), READ_S)
            writer.write(_reply(request.split(b" ")[1].decode(), metrics, checks))
            await writer.drain()
        except (TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, OSError):
            pass  # whoever asked is gone, or speaks no HTTP
        finally:
            writer.close()

    return await asyncio.start_server(answer, host, port)


def _reply(
    path: str, metrics: Callable[[], Mapping[Name, float]], checks: Mapping[str, Check]
) -> bytes:
    if path == "/metrics":
        return _http(HTTPStatus.OK, text(metrics()))
    if path in checks:
        wrong = checks[path]()
        status = HTTPStatus.SERVICE_UNAVAILABLE if wrong else HTTPStatus.OK
        return _http(status, f"{wrong or 'ok'}\n")
    return _http(HTTPStatus.NOT_FOUND, f"there are /metrics, {', '.join(checks)}\n")


def text(metrics: Mapping[Name, float]) -> str:
    """A counter is what ends in _total, all else a gauge."""
    lines = []
    for name, samples in groupby(sorted(metrics.items()), lambda sample: sample[0].text):
        kind = "counter" if name.endswith("_total") else "gauge"
        lines.append(f"# TYPE avatar_worker_{name} {kind}")
        lines += [
            f"avatar_worker_{name}{_labels(told)} {value:.12g}" for (_, told), value in samples
        ]
    return "\n".join(lines) + "\n"


def _labels(labels: tuple[tuple[str, str], ...]) -> str:
    escaped = (f"{name}={json.dumps(value, ensure_ascii=False)}" for name, value in labels)
    return f"{{{','.join(escaped)}}}" if labels else ""


def _http(status: HTTPStatus, body: str) -> bytes:
    head = f"HTTP/1.1 {status.value} {status.phrase}\r\nContent-Type: text/plain; version=0.0.4\r\n"
    return f"{head}Content-Length: {len(body)}\r\nConnection: close\r\n\r\n{body}".encode()
