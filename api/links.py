"""Links to finished files that need no key: signed, for a day, for one owner's one file.

A local store's files are served by the gateway; S3 serves its own by presigned addresses.
"""

import hashlib
import hmac
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from models.storage import LocalStore, Store


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


class Links:
    def __init__(self, secret: str, hours: float, store: Store) -> None:
        self._secret = secret.encode()
        self._lasting_s = int(hours * 3600)
        self._store = store

    def link(self, target: Target, base: str) -> str:
        """Made anew at every call; signing talks to nobody."""
        if not isinstance(self._store, LocalStore):
            return self._presigned(self._store, target)
        expires = int(time.time()) + self._lasting_s
        query = urlencode({"expires": expires, "signature": self._signature(target, expires)})
        return f"{base.rstrip('/')}{target.path}?{query}"

    def holds(self, target: Target, expires: int, signature: str) -> bool:
        expected = self._signature(target, expires)
        genuine = hmac.compare_digest(expected.encode(), signature.encode("utf-8", "replace"))
        return genuine and time.time() < expires

    def _signature(self, target: Target, expires: int) -> str:
        """Of length-prefixed parts, so that no two targets sign the same bytes."""
        parts = (target.owner, target.video_id, target.name, str(expires))
        message = "".join(f"{len(part)}:{part}" for part in parts)
        return hmac.new(self._secret, message.encode(), hashlib.sha256).hexdigest()

    def _presigned(self, store: Any, target: Target) -> str:  # noqa: ANN401, only S3 has it
        return str(
            store.client.generate_presigned_url(
                "get_object",
                Params={
                    "Bucket": store.place.bucket,
                    "Key": store.object_name(target.key),
                    "ResponseContentDisposition": disposition(target),
                },
                ExpiresIn=self._lasting_s,
            )
        )


def disposition(target: Target, *, download: bool = False) -> str:
    how = "attachment" if download else "inline"
    return f'{how}; filename="{target.video_id}-{target.name}"'
