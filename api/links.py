"""Links to finished files that need no key: signed, for a day, for one owner's one file.

A local store's files are served by the gateway; S3 serves its own by presigned addresses, except
captions: a page may only show those of its own origin.
"""

import hashlib
import hmac
import time
from dataclasses import dataclass
from typing import Protocol, runtime_checkable
from urllib.parse import urlencode

from models.storage import Store


@dataclass(frozen=True)
class Target:
    owner: str
    video_id: str
    name: str  # video.mp4, captions.srt, …

    @property
    def key(self) -> str:
        return f"videos/{self.video_id}/{self.name}"

    @property
    def path(self) -> str:
        return f"/v1/videos/{self.video_id}/files/{self.name}"


@runtime_checkable
class Presigning(Protocol):
    """A store that callers may talk to themselves, with an address that we signed."""

    def presigned_get(self, key: str, disposition: str, lasting_s: int) -> str: ...

    def presigned_put(
        self, key: str, size: int, sha256: str, lasting_s: int
    ) -> tuple[str, dict[str, str]]: ...


class Links:
    def __init__(self, secret: str, hours: float, store: Store) -> None:
        self._secret = secret.encode()
        self._lasting_s = int(hours * 3600)
        self._store = store

    def link(self, target: Target, base: str, *, download: bool = False) -> str:
        """Made anew at every call; signing talks to nobody."""
        if isinstance(self._store, Presigning) and not target.name.startswith("captions."):
            how = disposition(target, download=download)
            return self._store.presigned_get(target.key, how, self._lasting_s)
        expires = int(time.time()) + self._lasting_s
        query = {"expires": str(expires), "signature": self._signature(target, expires)}
        if download:
            query["download"] = "true"
        return f"{base.rstrip('/')}{target.path}?{urlencode(query)}"

    def holds(self, target: Target, expires: int, signature: str) -> bool:
        expected = self._signature(target, expires)
        genuine = hmac.compare_digest(expected.encode(), signature.encode("utf-8", "replace"))
        return genuine and time.time() < expires

    def _signature(self, target: Target, expires: int) -> str:
        """Of length-prefixed parts, so that no two targets sign the same bytes."""
        parts = (target.owner, target.video_id, target.name, str(expires))
        message = "".join(f"{len(part)}:{part}" for part in parts)
        return hmac.new(self._secret, message.encode(), hashlib.sha256).hexdigest()


def disposition(target: Target, *, download: bool = False) -> str:
    how = "attachment" if download else "inline"
    return f'{how}; filename="{target.video_id}-{target.name}"'
