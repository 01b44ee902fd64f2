"""How the speech process and its owner talk: length-prefixed JSON, then PCM where there is any.

A message is a 4-byte big-endian length and that many bytes of UTF-8 JSON. A message whose JSON
has `pcm_bytes` is followed by that many bytes of mono little-endian 16-bit PCM.
"""

import json
import struct
from typing import IO, Any, TypeAlias

Json: TypeAlias = dict[str, Any]

_PREFIX = struct.Struct(">I")


def write_message(stream: IO[bytes], message: Json, pcm: bytes = b"") -> None:
    body = json.dumps(message, ensure_ascii=False).encode()
    stream.write(_PREFIX.pack(len(body)) + body + pcm)
    stream.flush()


def read_message(stream: IO[bytes]) -> Json | None:
    """The next message's JSON, None where the stream ends."""
    prefix = stream.read(_PREFIX.size)
    if len(prefix) < _PREFIX.size:
        return None
    (length,) = _PREFIX.unpack(prefix)
    body = stream.read(length)
    if len(body) < length:
        return None
    message: Json = json.loads(body)
    return message


def read_reply(stream: IO[bytes]) -> tuple[Json, bytes] | None:
    """The next message and its PCM, None where the stream ends early."""
    message = read_message(stream)
    if message is None:
        return None
    size = int(message.get("pcm_bytes", 0))
    pcm = stream.read(size) if size else b""
    return None if len(pcm) < size else (message, pcm)
