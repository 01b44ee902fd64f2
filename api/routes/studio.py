"""The studio page at `/`: files of api/static and nothing else."""

from pathlib import Path

from fastapi import APIRouter, Response
from fastapi.responses import FileResponse

from api.middleware import PAGE
from api.problems import not_found

router = APIRouter(include_in_schema=False)

STATIC = Path(__file__).resolve().parents[1] / "static"
HEADERS = {"Content-Security-Policy": PAGE, "Cache-Control": "no-cache"}


@router.get("/")
async def index() -> Response:
    return _file("index.html")


@router.get("/static/{name:path}")
async def asset(name: str) -> Response:
    return _file(name)


def _file(name: str) -> Response:
    """Raises Problem 404; whatever the name, nothing outside the folder is read."""
    files = {path.relative_to(STATIC).as_posix(): path for path in STATIC.rglob("*.*")}
    if name not in files:
        raise not_found("page", name)
    return FileResponse(files[name], headers=HEADERS)
