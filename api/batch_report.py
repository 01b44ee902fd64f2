"""What became of a batch's videos, as a table."""

import csv
import io
from collections.abc import Sequence

from api.contracts import MICROS
from api.tables import Video
from models.batch.results import cell

HEAD = (
    "video",
    "status",
    "percent",
    "duration_s",
    "price",
    "currency",
    "code",
    "message",
    "created_at",
    "finished_at",
)
LABEL = "metadata."


def as_csv(videos: Sequence[Video], currency: str) -> str:
    labels = sorted({name for video in videos for name in video.labels})
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, [*HEAD, *(LABEL + name for name in labels)])
    writer.writeheader()
    for video in videos:
        labelled = {LABEL + name: value for name, value in video.labels.items()}
        facts = {**_facts(video, currency), **labelled}
        writer.writerow({name: cell(value) for name, value in facts.items()})
    return out.getvalue()


def _facts(video: Video, currency: str) -> dict[str, object]:
    result, error = video.result or {}, video.error or {}
    return {
        "video": video.id,
        "status": video.status,
        "percent": round(video.percent, 1),
        "duration_s": result.get("duration_s"),
        "price": (video.quoted if video.price is None else video.price) / MICROS,
        "currency": currency,
        "code": error.get("code"),
        "message": error.get("message"),
        "created_at": video.created_at.isoformat(),
        "finished_at": video.finished_at.isoformat() if video.finished_at else None,
    }
