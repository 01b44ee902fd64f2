"""Names of things: a prefix that says what it is, then time and chance, so that they sort."""

import re
import secrets
import time

SHAPE = re.compile(r"[a-z]{2,8}_[0-9a-f]{32}")


def new_id(prefix: str) -> str:
    """`vid_` and 32 hexadecimal digits: 48 bits of milliseconds, 80 of chance."""
    return f"{prefix}_{time.time_ns() // 1_000_000:012x}{secrets.token_hex(10)}"


def is_id(text: str, prefix: str) -> bool:
    return text.startswith(f"{prefix}_") and SHAPE.fullmatch(text) is not None
