"""Brings a weights file from where it is: a path, https:// or s3://."""

import shutil
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from models.errors import InvalidRequest, MissingDependency, ServiceRefused, ServiceUnavailable
from models.media.files import writing_to

MAX_BYTES = 20 << 30
TIMEOUT_S = 60.0


def bring(source: str, target: Path) -> None:
    """Raises InvalidRequest, ServiceError, DiskFull, OutputNotWritable, MissingDependency."""
    if source.startswith("https://"):
        _download(source, target)
    elif source.startswith("s3://"):
        _object(source, target)
    elif "://" in source:
        raise InvalidRequest(f"{source!r} cannot be read: use a path, https:// or s3://")
    else:
        _copy(Path(source), target)


def _copy(file: Path, target: Path) -> None:
    if not file.is_file():
        raise InvalidRequest(f"there is no file {file}: correct the path")
    with writing_to(target):
        shutil.copyfile(file, target)


def _download(url: str, target: Path) -> None:
    left = MAX_BYTES
    try:
        with (
            httpx.stream("GET", url, timeout=TIMEOUT_S, follow_redirects=True) as reply,
            writing_to(target),
            target.open("wb") as file,
        ):
            if reply.status_code != httpx.codes.OK:
                kind = ServiceUnavailable if reply.is_server_error else ServiceRefused
                raise kind(f"{url} answers {reply.status_code}: correct the address")
            for piece in reply.iter_bytes(1 << 20):
                left -= len(piece)
                if left < 0:
                    raise InvalidRequest(f"{url} is larger than {MAX_BYTES >> 30} GB: no weights")
                file.write(piece)
    except httpx.TransportError as error:
        raise ServiceUnavailable(f"{url} cannot be reached ({error}): try again later") from error


def _object(url: str, target: Path) -> None:
    try:
        from models.stores.aws import speaking_to
        from models.stores.s3 import connect
    except ImportError as error:
        raise MissingDependency(
            f"{url} needs {error.name}: pip install 'avatar-orchestrator[infra]'"
        ) from error
    parts = urlsplit(url)
    key = parts.path.lstrip("/")
    with speaking_to(f"s3://{parts.netloc}", key), writing_to(target):
        connect().download_file(parts.netloc, key, str(target))
