"""One JSON object a line; nothing in it is a key, a token or a signed link.

Every process of a fleet writes the same: at, level, logger, message, and where they are known
video, request_id, owner and run, Prefect's id of the flow run.
"""

import json
import logging
import re
from datetime import UTC, datetime

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
        line |= self.facts(record)
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return SECRETS.sub("…", json.dumps(line, ensure_ascii=False, default=str))

    def facts(self, record: logging.LogRecord) -> dict[str, object]:
        """What else stands in the line: the record's own `facts`."""
        return dict(getattr(record, "facts", {}))
