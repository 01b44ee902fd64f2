"""The gateway's log lines: see models/log_lines.py for what stands in them."""

import logging.config

from api.tables import Video
from models.journal import trace_id
from models.log_lines import JsonLines


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
