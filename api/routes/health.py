"""For load balancers and for Prometheus, not for callers."""

import hmac
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError

from api import budgets
from api.clock import now
from api.gateway import Gateway, Here
from api.problems import Problem
from api.tables import Video

router = APIRouter(include_in_schema=False)

FORWARDED = ("forwarded", "x-forwarded-for", "x-real-ip")
THIS_MACHINE = ("127.0.0.1", "::1")


@router.get("/healthz")
async def healthz() -> dict[str, str]:
    """This process answers."""
    return {"status": "ok"}


@router.get("/readyz")
async def readyz(here: Here) -> Response:
    """503 only without the database: without Prefect or Redis requests are still accepted."""
    checks: dict[str, Any] = {
        "database": "ok" if await _database_answers(here) else "away",
        "prefect": "ok" if await here.prefect.healthy() else "away: videos wait",
        "redis": _redis(here, answers=await here.limits.ready()),
    }
    ready = checks["database"] == "ok"
    status = "ok" if all(text in ("ok", "not used") for text in checks.values()) else "degraded"
    return JSONResponse(
        {"status": status if ready else "not ready", **checks}, 200 if ready else 503
    )


def _redis(here: Gateway, *, answers: bool) -> str:
    if here.settings.redis_url is None:
        return "not used"
    return "ok" if answers else "away: each process counts for itself"


async def _database_answers(here: Gateway) -> bool:
    try:
        await here.database.ready()
    except (SQLAlchemyError, OSError, TimeoutError):
        return False
    return True


@router.get("/metrics")
async def metrics(request: Request, here: Here) -> Response:
    """With the token, or from this machine and not through a proxy."""
    if not _may_read(request, here):
        raise Problem(403, "forbidden", "metrics are not for callers: use AVATAR_METRICS_TOKEN")
    await _count(here)
    text, kind = here.metrics.text(request.headers.get("accept", ""))
    return Response(text, headers={"Content-Type": kind})


def _may_read(request: Request, here: Gateway) -> bool:
    token = here.settings.metrics_token
    if token is not None:
        given = request.headers.get("authorization", "").encode()
        return hmac.compare_digest(given, f"Bearer {token.get_secret_value()}".encode())
    direct = not any(name in request.headers for name in FORWARDED)
    return direct and request.client is not None and request.client.host in THIS_MACHINE


async def _count(here: Gateway) -> None:
    waiting = select(func.count(), func.min(Video.created_at)).where(
        Video.open.is_(True), Video.run_id.is_(None)
    )
    async with here.database.reading() as session:
        count, oldest = (await session.execute(waiting)).one()
        every = await session.scalar(
            select(func.count()).select_from(Video).where(Video.open.is_(True))
        )
        alerts = await budgets.told(session)
    for level, keys in alerts.items():
        here.metrics.budget_keys.labels(str(level)).set(keys)
    here.metrics.open_videos.set(every or 0)
    here.metrics.undispatched.set(count)
    age = (now() - oldest).total_seconds() if oldest else 0
    here.metrics.oldest_undispatched_s.set(age)
    here.metrics.redis_up.set(here.limits.shared)
