"""One JSON object a line; nothing in it is a key, a token or a signed link."""

import json
import logging
import logging.config
import re
from datetime import UTC, datetime

from api.tables import Video
from models.journal import trace_id

SECRETS = re.compile(
    r"av_live_[A-Za-z0-9_-]+|whsec_[A-Za-z0-9+/=]+|Bearer\s+\S+|eyJ[\w-]+\.[\w-]+\.[\w-]*"
    r"|(?<=signature=)\w+|(?<=://)[^/\s@]+(?=@)"
)


class JsonLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        line |= getattr(record, "facts", {})
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return SECRETS.sub("…", json.dumps(line, ensure_ascii=False, default=str))


def facts_of(video: Video) -> dict[str, object]:
    """The ids that lead from a line of the log to everything else about a video."""
    ids = {
        "video": video.id,
        "request_id": video.request_id,
        "owner": video.owner,
        "batch": video.batch_id,
        "run": video.run_id,
        "trace_id": trace_id(video.id),
    }
    return {name: value for name, value in ids.items() if value}


def configure(level: str = "INFO") -> None:
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {"json": {"()": JsonLines}},
            "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "json"}},
            "root": {"level": level, "handlers": ["stderr"]},
            "loggers": {name: {"level": "WARNING"} for name in ("httpx", "httpcore", "alembic")},
        }
    )
