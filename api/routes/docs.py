"""/docs: the OpenAPI document as one page without scripts, so that it opens offline."""

import html
import json
from collections.abc import Iterator
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

router = APIRouter(include_in_schema=False)

STYLE_SRC = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'"
STYLE = """
:root{color-scheme:light dark;font:16px/1.5 system-ui,sans-serif}
body{max-width:60rem;margin:0 auto;padding:1rem}
h2{margin-top:2.5rem;text-transform:capitalize}
details{border:1px solid #8886;border-radius:.5rem;margin:.5rem 0;padding:.5rem .75rem}
summary{cursor:pointer;overflow-wrap:anywhere}
b{display:inline-block;min-width:4.5rem;font-family:ui-monospace,monospace}
code,pre{font-family:ui-monospace,monospace;font-size:.875rem}
pre{overflow-x:auto;background:#8881;padding:.75rem;border-radius:.375rem}
table{border-collapse:collapse;width:100%}
td,th{text-align:left;vertical-align:top;padding:.25rem .75rem .25rem 0;border-top:1px solid #8883}
"""


@router.get("/docs")
async def docs(request: Request) -> HTMLResponse:
    page = "\n".join(_page(request.app.openapi()))
    return HTMLResponse(page, headers={"Content-Security-Policy": STYLE_SRC})


def _page(document: dict[str, Any]) -> Iterator[str]:
    info = document["info"]
    yield "<!doctype html><html lang=en><meta charset=utf-8>"
    yield '<meta name=viewport content="width=device-width"><title>API</title>'
    yield f"<style>{STYLE}</style><h1>{_text(info['title'])} {_text(info['version'])}</h1>"
    yield f"<p>{_text(info['description'])}</p>"
    yield "<p>Machine-readable: <a href=/openapi.json>/openapi.json</a>"
    by_tag: dict[str, list[str]] = {}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            shown = "\n".join(_operation(method, path, operation))
            by_tag.setdefault(operation.get("tags", ["other"])[0], []).append(shown)
    for tag, operations in by_tag.items():
        yield f"<h2>{_text(tag)}</h2>"
        yield from operations
    yield "<h2>schemas</h2>"
    for name, schema in document["components"]["schemas"].items():
        yield f"<details id={_text(name)}><summary>{_text(name)}</summary>{_json(schema)}</details>"


def _operation(method: str, path: str, operation: dict[str, Any]) -> Iterator[str]:
    yield f"<details><summary><b>{method.upper()}</b> <code>{_text(path)}</code></summary>"
    yield f"<p>{_text(operation.get('description', ''))}</p>"
    if rows := operation.get("parameters"):
        yield "<table><tr><th>parameter<th>in<th>about"
        for row in rows:
            about = row.get("description", "")
            yield f"<tr><td><code>{_text(row['name'])}</code><td>{row['in']}<td>{_text(about)}"
        yield "</table>"
    if "requestBody" in operation:
        yield f"<p>Body</p>{_json(operation['requestBody'])}"
    yield "<table><tr><th>status<th>means"
    for status, answer in operation["responses"].items():
        yield f"<tr><td>{status}<td>{_text(answer['description'])}"
    yield "</table></details>"


def _json(value: object) -> str:
    return f"<pre>{_text(json.dumps(value, indent=2, ensure_ascii=False))}</pre>"


def _text(value: str) -> str:
    return html.escape(value)
