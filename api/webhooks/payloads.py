"""What a receiver is sent: the event's type and time, and the resource as it was then.

An event keeps the video's row of its moment. The resource is made of it at each attempt, so that
its links are fresh and a late `video.running` does not say that the video is done.
"""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from api.budgets import BUDGET
from api.resources import Shown
from api.tables import UtcTime, Video, WebhookOutbox

VIDEO = "video"
COLUMNS = [column for column in Video.__table__.columns if column.name != "order"]


def of_video(video: Video) -> dict[str, Any]:
    row = {column.name: getattr(video, column.name) for column in COLUMNS}
    told = {
        name: value.isoformat() if isinstance(value, datetime) else value
        for name, value in row.items()
    }
    return {VIDEO: told}


def video_id(payload: Mapping[str, Any]) -> str | None:
    return payload[VIDEO]["id"] if VIDEO in payload else None


def callback_url(payload: Mapping[str, Any]) -> str | None:
    return payload[VIDEO]["request"].get("callback_url") if VIDEO in payload else None


def batch_id(payload: Mapping[str, Any]) -> str | None:
    return payload[VIDEO]["batch_id"] if VIDEO in payload else None


def body(event: WebhookOutbox, shown: Shown) -> bytes:
    """The bytes that are signed and sent."""
    data = event.payload
    if VIDEO in data:
        data = shown.video(_video(data[VIDEO])).model_dump(mode="json")
    elif BUDGET in data:
        data = shown.budget(data[BUDGET]).model_dump(mode="json")
    told = {"type": event.type, "timestamp": event.created_at.isoformat(), "data": data}
    return json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode()


def _video(row: Mapping[str, Any]) -> Video:
    """Not of the database: only to be shown."""
    times = {column.name for column in COLUMNS if isinstance(column.type, UtcTime)}
    return Video(
        **{
            name: datetime.fromisoformat(value) if name in times and value else value
            for name, value in row.items()
        }
    )
