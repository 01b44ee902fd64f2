"""What was made and what it cost, by day and key."""

import re
from datetime import date, timedelta
from typing import Annotated

from fastapi import APIRouter, Query, Response
from pydantic import BeforeValidator
from sqlalchemy import case, func, select

from api import accounts
from api.auth import Reader
from api.clock import now
from api.contracts import Money, UsageLine, UsageList
from api.gateway import Gateway, Here
from api.responses import TEXT, problems
from api.strict import StrictRoute
from api.tables import Charge
from api.usage_report import UsageMonth, UsageMonths, as_csv, months

router = APIRouter(prefix="/v1/usage", tags=["usage"], route_class=StrictRoute)

DAYS = 31


def _iso(value: object) -> object:
    """Numbers would be taken for seconds since 1970."""
    if isinstance(value, str) and not ISO_DAY.fullmatch(value):
        raise ValueError("a day is written as 2026-11-24")
    return value


ISO_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
Day = Annotated[date, BeforeValidator(_iso)]
Month = Annotated[str | None, Query(pattern=r"^\d{4}-(0[1-9]|1[0-2])$", description="2026-11.")]


@router.get("", response_model=UsageList, responses=problems())
async def usage(
    caller: Reader,
    here: Here,
    since: Annotated[Day | None, Query(description="First day; 31 days if empty.")] = None,
    until: Annotated[Day | None, Query(description="Last day.")] = None,
) -> UsageList:
    """Finished videos cost what they came to, open ones what was quoted, failed ones nothing."""
    last = until or now().date()
    first = since or (last - timedelta(days=DAYS) if last.year > 1 else last)
    query = (
        select(
            Charge.day,
            Charge.key_id,
            func.count(),
            func.sum(case((Charge.status == "done", 1), else_=0)),
            func.sum(case((Charge.status == "failed", 1), else_=0)),
            func.sum(Charge.video_s),
            func.sum(Charge.render_s),
            func.sum(Charge.amount),
        )
        .where(Charge.owner == caller.owner)
        .where(Charge.day >= first.isoformat(), Charge.day <= last.isoformat())
        .group_by(Charge.day, Charge.key_id)
        .order_by(Charge.day, Charge.key_id)
    )
    currency = here.settings.currency
    async with here.database.reading() as session:
        rows = (await session.execute(query)).all()
        spent = await accounts.spent_this_month(session, caller.key_id)
    lines = tuple(
        UsageLine(
            day=day,
            key=key,
            videos=videos,
            done=done,
            failed=failed,
            video_s=round(video_s, 2),
            render_s=round(render_s, 2),
            price=Money.of(int(amount), currency),
        )
        for day, key, videos, done, failed, video_s, render_s, amount in rows
    )
    budget = caller.monthly_budget
    return UsageList(
        data=lines,
        month_total=Money.of(spent, currency),
        monthly_budget=None if budget is None else Money.of(budget, currency),
    )


@router.get("/months", response_model=UsageMonths, responses=problems())
async def usage_months(
    caller: Reader, here: Here, since: Month = None, until: Month = None
) -> UsageMonths:
    """By key and month, a year if nothing is said: what was made, what it took and cost."""
    return UsageMonths(data=await _months(here, caller.owner, since, until))


@router.get(
    "/months/report",
    response_class=Response,
    responses={
        200: {"description": "A row a month and key.", "content": {"text/csv": {"schema": TEXT}}},
        **problems(),
    },
)
async def report_usage(
    caller: Reader, here: Here, since: Month = None, until: Month = None
) -> Response:
    """The same as a CSV."""
    content = as_csv(await _months(here, caller.owner, since, until))
    headers = {"Content-Disposition": 'attachment; filename="usage.csv"'}
    return Response(content, media_type="text/csv; charset=utf-8", headers=headers)


async def _months(
    here: Gateway, owner: str, since: str | None, until: str | None
) -> tuple[UsageMonth, ...]:
    today = now()
    last = until or f"{today:%Y-%m}"
    first = since or f"{today.year - 1:04d}-{today.month:02d}"
    async with here.database.reading() as session:
        return await months(session, owner, first, last, here.settings.currency)
