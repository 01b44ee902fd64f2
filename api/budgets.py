"""A key's monthly budget: who pays is told once when 80 % of it, and when all of it, is used."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from api.clock import now
from api.ids import new_id
from api.tables import ApiKey, BudgetAlert, WebhookOutbox

LEVELS = (80, 100)  # percent
EVENTS = {80: "budget.warning", 100: "budget.reached"}
BUDGET = "budget"


async def tell(session: AsyncSession, key: ApiKey, spent: int) -> None:
    """Events of the levels that were reached and not told of this month; the key is locked."""
    if not key.monthly_budget:
        return
    for level in reached(spent, key.monthly_budget):
        month = month_of(now())
        if await session.get(BudgetAlert, (key.id, month, level)) is None:
            session.add(BudgetAlert(key_id=key.id, month=month, level=level, created_at=now()))
            session.add(_event(key, month, level, spent))


async def told(session: AsyncSession) -> dict[int, int]:
    """How many keys have reached each level this month."""
    query = select(BudgetAlert.level, func.count()).where(BudgetAlert.month == month_of(now()))
    rows = await session.execute(query.group_by(BudgetAlert.level))
    return dict.fromkeys(LEVELS, 0) | {level: count for level, count in rows}


def reached(spent: int, budget: int) -> Sequence[int]:
    """Exactly at a level counts."""
    return [level for level in LEVELS if 100 * spent >= level * budget]


def month_of(at: datetime) -> str:
    return at.strftime("%Y-%m")


def _event(key: ApiKey, month: str, level: int, spent: int) -> WebhookOutbox:
    facts: dict[str, Any] = {
        "key": key.id,
        "month": month,
        "level": level,
        "spent": spent,
        "budget": key.monthly_budget,
        "hard_stop": key.hard_stop,
    }
    row = WebhookOutbox(id=new_id("evt"), owner=key.owner, type=EVENTS[level], created_at=now())
    row.payload = {BUDGET: facts}
    return row
