"""A video is accepted: its uploads, its quote, its budget and its row, in one transaction.

Prefect is not asked. The row itself is the promise: while it is open and has no run, the
dispatcher owes it one (api.dispatch).
"""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from api import accounts, events, exports
from api.addresses import check_address
from api.caller import Caller
from api.clock import now
from api.contracts import MICROS, NewQuote, NewVideo, Recording
from api.destinations import check_destination, redacted
from api.guard import Policy
from api.ids import new_id
from api.load import Load
from api.orders import remote_inputs, upload_ids, video_request, words_of
from api.problems import Problem, of_error
from api.quotes import Estimate, Prices, RecordingSize, estimate
from api.tables import Upload, Video
from models.errors import ScriptRefused
from models.screening import Screen, require_fit

FETCHING = "Fetching"  # the stage of a video whose inputs are on their way


class Desk:
    """Takes orders for one gateway."""

    def __init__(
        self,
        prices: Prices,
        policy: Policy,
        buckets: Sequence[str] = (),
        screens: Sequence[Screen] = (),
    ) -> None:
        self._prices, self._policy, self._buckets = prices, policy, buckets
        self._screens = screens
        self._load = Load()

    async def quote(
        self, session: AsyncSession, request: NewVideo | NewQuote, uploads: Mapping[str, Upload]
    ) -> tuple[Estimate, int]:
        """The estimate, and how many finished videos its speed is taken from."""
        speed, queue = await self._load.now(session)
        size = None
        if isinstance(request.speech, Recording):
            found = uploads.get(request.speech.upload or "")
            size = None if found is None else RecordingSize(found.size, found.duration_s)
        made = estimate(request.speech, request.look, size, speed, queue, self._prices)
        return made, speed.videos

    async def accept(
        self,
        session: AsyncSession,
        caller: Caller,
        requests: Sequence[NewVideo],
        batch_id: str | None = None,
    ) -> list[Video]:
        """Rows for all of the requests, or a Problem and none."""
        named = {name for request in requests for name in upload_ids(request)}
        uploads = await uploads_of(session, caller.owner, named)
        names = sorted(new_id("vid") for _ in requests)  # in a list they stand as they came
        videos = [
            await self._row(session, caller, name, request, uploads, batch_id)
            for name, request in zip(names, requests, strict=True)
        ]
        await accounts.reserve(session, caller, videos)
        session.add_all(videos)
        await session.flush()
        for video, request in zip(videos, requests, strict=True):
            exports.ask_for(session, video, request)
            events.emit(session, video)
        return videos

    async def _row(
        self,
        session: AsyncSession,
        caller: Caller,
        name: str,
        request: NewVideo,
        uploads: Mapping[str, Upload],
        batch_id: str | None,
    ) -> Video:
        order = video_request(request, uploads, f"videos/{name}")
        self._check_addresses(request)
        self._check_words(request)
        remote = remote_inputs(request)
        made, _ = await self.quote(session, request, uploads)
        check_price(made, request.max_price)
        return Video(
            id=name,
            owner=caller.owner,
            key_id=caller.key_id,
            batch_id=batch_id,
            request_id=caller.request_id or None,
            request=_shown(request),
            order=order.model_dump(mode="json"),
            labels=request.metadata,
            queue="batch" if batch_id else request.priority,
            status="queued",
            open=True,
            fetching=bool(remote),
            stage=FETCHING if remote else None,
            percent=0.0,
            eta_s=made.eta_s,
            speech_s=made.speech_s,
            quoted=made.price,
            cancel_asked=False,
            claimed=False,
            runs=0,
            created_at=now(),
        )

    def check(self, request: NewVideo, uploads: Mapping[str, Upload]) -> None:
        """What can be said without a transaction. Raises Problem 422."""
        video_request(request, uploads, "videos/none")
        self._check_addresses(request)
        self._check_words(request)

    def _check_words(self, request: NewVideo) -> None:
        """By what can be asked at once; the flow asks the others. Raises Problem 422."""
        field, words = words_of(request)
        try:
            require_fit(words, self._screens)
        except ScriptRefused as error:
            raise of_error(error, field) from error

    def _check_addresses(self, request: NewVideo) -> None:
        """Raises Problem 422."""
        for field, remote in remote_inputs(request).items():
            check_address(self._policy, remote.url, field)
        if request.callback_url is not None:
            check_address(self._policy, request.callback_url, "callback_url")
        if request.destination is not None:
            check_destination(request.destination, self._policy, self._buckets)


def _shown(request: NewVideo) -> dict[str, Any]:
    """As it was asked for, without what would open the destination."""
    shown = request.model_dump(mode="json", exclude={"metadata"})
    if request.destination is not None:
        shown["destination"] = {"url": redacted(request.destination.url)}
    return shown


def check_price(made: Estimate, most: Decimal | None) -> None:
    if most is not None and made.price > most * MICROS:
        raise Problem(
            402,
            "price_exceeded",
            f"it would cost {made.price / MICROS:.2f}: raise max_price or make the speech shorter",
            field="max_price",
        )


async def uploads_of(session: AsyncSession, owner: str, names: Iterable[str]) -> dict[str, Upload]:
    """The owner's own among them, by id."""
    query = select(Upload).where(Upload.owner == owner, Upload.id.in_(list(names)))
    return {row.id: row for row in await session.scalars(query)}
