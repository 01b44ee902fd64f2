"""The gateway's side of consent: a video that may not be made is refused when it is asked for."""

from collections.abc import Iterable, Sequence

import anyio
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from api.clock import now
from api.consent_contracts import ConsentResource
from api.gateway import Gateway
from api.problems import of_error
from api.tables import Upload, Video
from models.consent import ConsentPolicy, Consents, Held, check
from models.errors import ConsentError

MOST_VIDEOS = 1_000  # of one portrait, in one answer


async def check_consents(here: Gateway, session: AsyncSession, videos: Sequence[Video]) -> None:
    """Raises Problem 422. Portraits that are still to be fetched are checked when they are here."""
    policy = here.settings.consent
    if policy is ConsentPolicy.OFF:
        return
    keys = {(video.owner, _portrait_key(video)) for video in videos}
    for owner, key in keys:
        row = await session.scalar(select(Upload).where(Upload.owner == owner, Upload.key == key))
        if row is not None and row.sha256 is not None:
            await _check(here, policy, owner, row.sha256)


async def videos_of(session: AsyncSession, owner: str, portrait: str) -> tuple[str, ...]:
    """The ids of the owner's videos that show the picture of this sha256, the newest first."""
    image = Video.order[("portrait", "image")].as_string()
    query = select(Video.id).where(
        Video.owner == owner, image.startswith(f"store:uploads/{portrait}")
    )
    return tuple(await session.scalars(query.order_by(Video.id.desc()).limit(MOST_VIDEOS)))


def resource(held: Held, videos: Iterable[str] | None = None) -> ConsentResource:
    record, gone = held.consent, held.withdrawal
    return ConsentResource.model_validate(
        {
            **record.model_dump(exclude={"owner", "portrait"}),
            "portrait_sha256": record.portrait,
            "state": held.state(now()),
            "sha256": record.sha256,
            "withdrawn_at": gone.at if gone else None,
            "withdrawn_because": gone.reason if gone else None,
            "videos": None if videos is None else tuple(videos),
        }
    )


async def _check(here: Gateway, policy: ConsentPolicy, owner: str, portrait: str) -> None:
    def look() -> None:
        check(Consents(here.store), policy, owner, portrait, now())

    try:
        await anyio.to_thread.run_sync(look)
    except ConsentError as error:
        raise of_error(error, "portrait") from error


def _portrait_key(video: Video) -> str:
    return str(video.order["portrait"]["image"]).removeprefix("store:")
