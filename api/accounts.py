"""What was spent: reserved when a video is accepted, settled when it is finished."""

from collections.abc import Sequence
from datetime import date

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from api import budgets
from api.caller import Caller
from api.clock import now
from api.contracts import MICROS
from api.problems import Problem
from api.tables import ApiKey, Charge, Video
from models.contracts import Receipt


async def reserve(session: AsyncSession, caller: Caller, videos: Sequence[Video]) -> None:
    """Charge the quotes to the caller's key. Raises Problem 402 where the month's budget ends."""
    if caller.monthly_budget is not None:
        # requests of one key side by side wait here, so that they cannot overspend together
        key = await session.get(ApiKey, caller.key_id, with_for_update=True)
        spent = await spent_this_month(session, caller.key_id)
        asked = sum(video.quoted for video in videos)
        if caller.hard_stop and spent + asked > caller.monthly_budget:
            raise _over_budget(caller.monthly_budget, spent, asked)
        if key is not None:
            await budgets.tell(session, key, spent + asked)
    session.add_all(_charge(caller, video) for video in videos)


async def requote(session: AsyncSession, video: Video, quoted: int) -> None:
    """Charge another quote in place of the one so far. Raises Problem 402."""
    key = await session.get(ApiKey, video.key_id, with_for_update=True)
    charge = await session.get_one(Charge, video.id)
    if key is not None and key.monthly_budget is not None and quoted > charge.amount:
        spent = await spent_this_month(session, key.id) - charge.amount
        if key.hard_stop and spent + quoted > key.monthly_budget:
            raise _over_budget(key.monthly_budget, spent, quoted)
        await budgets.tell(session, key, spent + quoted)
    charge.amount = video.quoted = quoted


async def spent_this_month(session: AsyncSession, key_id: str) -> int:
    """Millionths, of finished videos and of those that are open."""
    spent = await session.scalar(
        select(func.coalesce(func.sum(Charge.amount), 0)).where(
            Charge.key_id == key_id, Charge.day >= first_of_month(now().date())
        )
    )
    return int(spent or 0)


async def settle(
    session: AsyncSession,
    video: Video,
    video_s: float,
    render_s: float,
    receipt: Receipt | None = None,
) -> None:
    """What was not finished costs nothing."""
    charge = await session.get(Charge, video.id)
    if charge is None:
        return
    charge.status = video.status
    charge.amount = (video.price or 0) if video.status == "done" else 0
    charge.video_s, charge.render_s = video_s, render_s
    if receipt is not None:
        _note(charge, receipt)
    await session.flush()
    key = await session.get(ApiKey, video.key_id, with_for_update=True)
    if key is not None and key.monthly_budget is not None:
        await budgets.tell(session, key, await spent_this_month(session, key.id))


def first_of_month(day: date) -> str:
    return day.replace(day=1).isoformat()


def _note(charge: Charge, receipt: Receipt) -> None:
    used = receipt.usage
    charge.cpu_s, charge.gpu_s = used.cpu_s, used.gpu_s
    charge.tokens = used.prompt_tokens + used.completion_tokens
    charge.speech_chars, charge.stored_bytes = used.speech_chars, used.stored_bytes
    charge.cost = round(receipt.total * MICROS)


def _charge(caller: Caller, video: Video) -> Charge:
    return Charge(
        video_id=video.id,
        owner=caller.owner,
        key_id=caller.key_id,
        day=video.created_at.date().isoformat(),
        status="open",
        amount=video.quoted,
    )


def _over_budget(budget: int, spent: int, asked: int) -> Problem:
    left = max(0, budget - spent) / MICROS
    return Problem(
        402,
        "budget_exceeded",
        f"this would cost {asked / MICROS:.2f} and the month's budget has {left:.2f} left: "
        "wait for the next month or ask for a larger one",
    )
