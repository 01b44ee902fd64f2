"""From the rows of the tables to what callers see."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, cast

from api.clock import now
from api.contracts import (
    MICROS,
    BatchResource,
    BudgetState,
    DestinationState,
    Files,
    MadeVideo,
    Money,
    Receipt,
    Status,
    UploadResource,
    VideoResource,
)
from api.links import Links, Target
from api.tables import Batch, Upload, Video
from models.contracts import Failure, VideoResult
from models.journal import trace_id


class Shown:
    """Makes resources of one gateway for one request: links name the address it was called by."""

    def __init__(self, links: Links, base: str, currency: str, link_hours: float) -> None:
        self._links, self._base = links, base
        self._currency, self._lasting = currency, timedelta(hours=link_hours)

    def video(self, row: Video) -> VideoResource:
        result = None if row.result is None else VideoResult.model_validate(row.result)
        return VideoResource(
            id=row.id,
            status=cast(Status, row.status),
            stage=row.stage,
            percent=round(row.percent, 1),
            queue_position=row.position,
            eta_s=row.eta_s,
            cancel_requested=row.cancel_asked,
            request=row.request,
            metadata=row.labels,
            batch=row.batch_id,
            request_id=row.request_id,
            trace_id=trace_id(row.id),
            destination=_destination(row),
            quoted=Money.of(row.quoted, self._currency),
            files=self._files(row, result) if result else None,
            download=self._link(row, result.video, download=True) if result else None,
            links_expire_at=now() + self._lasting if result else None,
            result=_made(result) if result else None,
            receipt=self._receipt(row, result) if result else None,
            error=Failure.model_validate(row.error) if row.error else None,
            created_at=row.created_at,
            started_at=row.started_at,
            finished_at=row.finished_at,
        )

    def _files(self, row: Video, result: VideoResult) -> Files:
        def link(key: str | None) -> str | None:
            return None if key is None else self._link(row, key)

        return Files(
            video=self._link(row, result.video),
            captions_srt=link(result.captions_srt),
            captions_vtt=link(result.captions_vtt),
            thumbnail=link(result.thumbnail),
            contact_sheet=link(result.contact_sheet),
            manifest=link(result.manifest),
        )

    def _link(self, row: Video, key: str, *, download: bool = False) -> str:
        target = Target(row.owner, row.id, key.rpartition("/")[2])
        return self._links.link(target, self._base, download=download)

    def _receipt(self, row: Video, result: VideoResult) -> Receipt:
        return Receipt(
            price=Money.of(row.price or 0, self._currency),
            video_s=result.duration_s,
            render_s=render_seconds(result),
            stages_s=result.timings_s,
            items=result.receipt.items if result.receipt else (),
            cost=_cost(result),
        )

    def budget(self, facts: Mapping[str, Any]) -> BudgetState:
        money = {name: Money.of(facts[name], self._currency) for name in ("spent", "budget")}
        return BudgetState.model_validate({**facts, **money})


def _cost(result: VideoResult) -> Money | None:
    receipt = result.receipt
    if receipt is None:
        return None
    return Money.of(round(receipt.total * MICROS), receipt.currency)


def render_seconds(result: VideoResult) -> float:
    """What the stages took that were done for this video; a stage found in the cache took none."""
    return round(sum(result.timings_s.values()), 3)


def upload_resource(row: Upload) -> UploadResource:
    return UploadResource.model_validate(
        {name: getattr(row, name) for name in UploadResource.model_fields}
    )


def batch_resource(row: Batch, counts: Mapping[str, int]) -> BatchResource:
    waiting = counts.get("queued", 0) + counts.get("running", 0)
    return BatchResource(
        id=row.id,
        name=row.name,
        status="open" if waiting else "finished",
        videos=row.videos,
        counts={cast(Status, name): count for name, count in counts.items()},
        created_at=row.created_at,
    )


def _destination(row: Video) -> DestinationState | None:
    return DestinationState.model_validate(row.destination) if row.destination else None


def _made(result: VideoResult) -> MadeVideo:
    return MadeVideo(
        duration_s=result.duration_s,
        width=result.width,
        height=result.height,
        fps=result.fps.value,
        frames=result.frames,
        renderer=result.renderer,
        quality=result.quality,
        warnings=result.warnings,
    )
