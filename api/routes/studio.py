"""The studio page at `/`: files of api/static and nothing else."""

from pathlib import Path
from urllib.parse import urlsplit

from fastapi import APIRouter, Response
from fastapi.responses import FileResponse

from api.gateway import Here
from api.links import Presigning
from api.problems import not_found
from models.storage import Store

router = APIRouter(include_in_schema=False)

STATIC = Path(__file__).resolve().parents[1] / "static"


@router.get("/")
async def index(here: Here) -> Response:
    return _file("index.html", policy(here.store, here.settings.public_url))


@router.get("/static/{name:path}")
async def asset(name: str) -> Response:
    return _file(name, "default-src 'none'")


def policy(store: Store, public_url: str | None) -> str:
    """Everything from here; finished files from wherever their links lead."""
    links = [public_url] if public_url else []
    if isinstance(store, Presigning):
        links.append(store.presigned_get("videos", "inline", lasting_s=60))
    made = " ".join(dict.fromkeys(["'self'", *map(_origin, links)]))
    return (
        f"default-src 'none'; script-src 'self'; style-src 'self'; img-src {made} blob: data:; "
        f"media-src {made} blob:; connect-src {made}; font-src 'self'; manifest-src 'self'; "
        "frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
    )


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _file(name: str, content_policy: str) -> Response:
    """Raises Problem 404; whatever the name, nothing outside the folder is read."""
    files = {path.relative_to(STATIC).as_posix(): path for path in STATIC.rglob("*.*")}
    if name not in files:
        raise not_found("page", name)
    headers = {"Content-Security-Policy": content_policy, "Cache-Control": "no-cache"}
    return FileResponse(files[name], headers=headers)
