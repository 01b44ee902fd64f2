"""What each key made, took and cost, month by month: as resources and as a table."""

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Any

from pydantic import Field
from sqlalchemy import case, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from api.contracts import Money, Resource
from api.tables import Charge

SUMS = ("video_s", "render_s", "cpu_s", "gpu_s", "tokens", "speech_chars", "stored_bytes")


class UsageMonth(Resource):
    month: str = Field(examples=["2026-11"])
    key: str
    videos: int
    done: int
    failed: int
    video_s: float
    render_s: float
    cpu_s: float = Field(description="Of one core, by the receipts of finished videos.")
    gpu_s: float = Field(description="Of one card.")
    tokens: int = Field(description="That language models read and wrote.")
    speech_chars: int
    stored_bytes: int
    price: Money = Field(description="What you are charged.")
    cost: Money = Field(description="What it cost whoever runs this.")


class UsageMonths(Resource):
    data: tuple[UsageMonth, ...]


async def months(
    session: AsyncSession, owner: str, first: str, last: str, currency: str
) -> tuple[UsageMonth, ...]:
    """Of an owner's keys, `first` and `last` included, as 2026-11."""
    month = func.substr(Charge.day, 1, 7).label("month")
    query = (
        select(
            month,
            Charge.key_id,
            func.count(),
            func.sum(case((Charge.status == "done", 1), else_=0)),
            func.sum(case((Charge.status == "failed", 1), else_=0)),
            func.sum(Charge.amount),
            func.sum(Charge.cost),
            *(func.sum(getattr(Charge, name)) for name in SUMS),
        )
        .where(Charge.owner == owner, Charge.day >= first, Charge.day <= f"{last}-31")
        .group_by(month, Charge.key_id)
        .order_by(month, Charge.key_id)
    )
    return tuple(_month(row, currency) for row in (await session.execute(query)).all())


def as_csv(rows: Iterable[UsageMonth]) -> str:
    out = io.StringIO(newline="")
    names = [name for name in UsageMonth.model_fields if name not in ("price", "cost")]
    writer = csv.writer(out)
    writer.writerow([*names, "price", "cost", "currency"])
    for row in rows:
        told = [getattr(row, name) for name in names]
        writer.writerow([*told, row.price.amount, row.cost.amount, row.price.currency])
    return out.getvalue()


def _month(row: Sequence[Any], currency: str) -> UsageMonth:
    month, key, videos, done, failed, amount, cost, *sums = row
    quantities = {
        name: round(float(value), 3) if name.endswith("_s") else int(value)
        for name, value in zip(SUMS, sums, strict=True)
    }
    return UsageMonth(
        month=month,
        key=key,
        videos=videos,
        done=done,
        failed=failed,
        price=Money.of(int(amount), currency),
        cost=Money.of(int(cost), currency),
        **quantities,  # type: ignore[arg-type]
    )
