"""What is told of a video: to /events as it happens, and to webhooks where it matters.

Both are written in the transaction that changes the video, so neither tells what did not happen
nor forgets what did.
"""

from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from api.clock import now
from api.ids import new_id
from api.tables import Event, Video, WebhookOutbox
from api.webhooks import payloads

PROGRESS = "video.progress"  # only in the stream
WEBHOOK_TYPES = ("video.running", "video.done", "video.failed", "video.cancelled")


def snapshot(video: Video) -> dict[str, Any]:
    """What an event says; links are not in it, because they end: GET the video for them."""
    told: dict[str, Any] = {
        "id": video.id,
        "status": video.status,
        "stage": video.stage,
        "percent": round(video.percent, 1),
        "queue_position": video.position,
        "eta_s": video.eta_s,
        "error": video.error,
        "metadata": video.labels,
    }
    return {name: value for name, value in told.items() if value is not None}


def emit(session: AsyncSession, video: Video, kind: str | None = None) -> None:
    """Add the event of the video's present status, or of `kind`, to the transaction."""
    kind = kind or f"video.{video.status}"
    data, at = snapshot(video), now()
    session.add(Event(video_id=video.id, type=kind, data=data, created_at=at))
    if kind in WEBHOOK_TYPES:
        row = WebhookOutbox(id=new_id("evt"), owner=video.owner, type=kind, created_at=at)
        row.payload = payloads.of_video(video)
        session.add(row)
