"""Where manifests and their templates come from: a path, `store:KEY`, s3:// or https://."""

import json
import tempfile
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import httpx

from models.batch.manifest import MAX_BYTES
from models.errors import InvalidRequest, MissingDependency, ServiceRefused, ServiceUnavailable
from models.storage import Store

SCHEME = "store:"
TEMPLATE = ".template.json"
TIMEOUT_S = 30.0


def read(place: str, store: Store) -> bytes:
    """At most a little more than a manifest may have.

    Raises InvalidRequest, MissingFile, ServiceError.
    """
    if place.startswith(SCHEME):
        return _head(store.path(place.removeprefix(SCHEME)))
    if place.startswith("https://"):
        return _fetched(place)
    if place.startswith("s3://"):
        return _object(place)
    if "://" in place:
        raise InvalidRequest(f"{place!r} cannot be read: use a path, store:KEY, s3:// or https://")
    try:
        return _head(Path(place))
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise InvalidRequest(f"{place} cannot be read: {reason}; correct the path") from error


def template_beside(place: str) -> str:
    """`talks.template.json` beside `talks.csv`."""
    parts = urlsplit(place)
    stem, dot, _ = parts.path.rpartition(".")
    if not dot:
        raise InvalidRequest(f"manifest {place} has no ending: use .csv or .jsonl")
    return urlunsplit(parts._replace(path=stem + TEMPLATE))


def template_of(content: bytes, place: str) -> dict[str, Any]:
    try:
        template = json.loads(content)
    except ValueError as error:
        raise InvalidRequest(f"template {place} is no JSON: {error}") from error
    if not isinstance(template, dict):
        raise InvalidRequest(f"template {place} is no JSON object: write a request in it")
    return template


def _head(file: Path) -> bytes:
    with file.open("rb") as opened:
        return opened.read(MAX_BYTES + 1)


def _fetched(url: str) -> bytes:
    content = bytearray()
    try:
        with httpx.stream("GET", url, timeout=TIMEOUT_S, follow_redirects=True) as reply:
            if reply.status_code != httpx.codes.OK:
                kind = ServiceUnavailable if reply.is_server_error else ServiceRefused
                raise kind(f"{url} answers {reply.status_code}: correct the address")
            for piece in reply.iter_bytes():
                content += piece
                if len(content) > MAX_BYTES:
                    break
    except httpx.TransportError as error:
        raise ServiceUnavailable(f"{url} cannot be reached ({error}): try again later") from error
    return bytes(content)


def _object(url: str) -> bytes:
    try:
        from models.stores.aws import speaking_to
        from models.stores.s3 import connect
    except ImportError as error:
        raise MissingDependency(
            f"{url} needs {error.name}: pip install 'avatar-orchestrator[infra]'"
        ) from error
    parts = urlsplit(url)
    with speaking_to(f"s3://{parts.netloc}", parts.path.lstrip("/")), tempfile.TemporaryFile() as f:
        connect().download_fileobj(parts.netloc, parts.path.lstrip("/"), f)
        f.seek(0)
        return f.read(MAX_BYTES + 1)
