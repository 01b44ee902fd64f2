"""JSON Web Tokens of the operator's identity provider: one algorithm, one issuer, one audience."""

import asyncio
import json
import logging
import time
from pathlib import Path
from typing import Any

import httpx
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet, OctKey
from joserfc.jwt import JWTClaimsRegistry

from api.problems import unavailable
from api.settings import Settings

log = logging.getLogger(__name__)

JWKS_KEPT_S = 600.0
JWKS_UNKNOWN_KEY_S = 30.0  # a new key may be fetched this often, so that rotation is quick
JWKS_AWAY_S = 5.0  # while there are none at all
JWKS_WAIT_S = 5.0
LEEWAY_S = 30
UNREADABLE = (
    httpx.HTTPError,
    OSError,
    ValueError,
    JoseError,
    *(AttributeError, KeyError, TypeError),  # what joserfc makes of JSON that is no key set
)
LONGEST_TOKEN = 8_192


class Tokens:
    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._keys: KeySet | None = None
        self._asked_at = -JWKS_KEPT_S
        self._fetching = asyncio.Lock()
        self._claims = JWTClaimsRegistry(
            leeway=LEEWAY_S,
            iss={"essential": True, "value": settings.jwt_issuer or ""},
            aud={"essential": True, "value": settings.jwt_audience or ""},
            exp={"essential": True},
            sub={"essential": True},
        )

    @property
    def accepted(self) -> bool:
        return self._settings.jwt_secret is not None or self._settings.jwt_jwks is not None

    async def claims(self, token: str) -> dict[str, Any] | None:
        """What a valid token says, None for any other. Raises Problem where keys are away."""
        if not self.accepted or len(token) > LONGEST_TOKEN:
            return None
        found = self._checked(token, await self._key(JWKS_KEPT_S))
        if found is None and self._settings.jwt_jwks is not None:
            found = self._checked(token, await self._key(JWKS_UNKNOWN_KEY_S))
        return found

    def _checked(self, token: str, key: OctKey | KeySet) -> dict[str, Any] | None:
        try:
            decoded = jwt.decode(token, key, algorithms=[self._settings.token_algorithm])
            self._claims.validate(decoded.claims)
        except (JoseError, ValueError, RecursionError) as error:
            log.info("a token was refused: %s", type(error).__name__)
            return None
        return decoded.claims if _is_name(decoded.claims["sub"]) else None

    async def _key(self, kept_s: float) -> OctKey | KeySet:
        if self._settings.jwt_secret is not None:
            return OctKey.import_key(self._settings.jwt_secret.get_secret_value())
        if self._is_old(kept_s):
            async with self._fetching:  # of many requests that need the keys, one asks
                if self._is_old(kept_s):
                    await self._fetch()
        if self._keys is None:
            raise unavailable("tokens cannot be checked now: try again in a moment")
        return self._keys

    def _is_old(self, kept_s: float) -> bool:
        kept_s = JWKS_AWAY_S if self._keys is None else kept_s
        return time.monotonic() - self._asked_at > kept_s

    async def _fetch(self) -> None:
        """The last keys stay where there are no new ones."""
        place = self._settings.jwt_jwks or ""
        try:
            async with asyncio.timeout(JWKS_WAIT_S):
                self._keys = KeySet.import_key_set(json.loads(await _read(place)))
        except UNREADABLE as error:
            log.error(
                "the keys at %s cannot be read: %s", place, str(error) or type(error).__name__
            )
        self._asked_at = time.monotonic()


def _is_name(subject: object) -> bool:
    return isinstance(subject, str) and 0 < len(subject) <= 100 and subject.isprintable()


async def _read(place: str) -> bytes:
    if not place.startswith(("https://", "http://")):
        return await asyncio.to_thread(Path(place).read_bytes)
    async with httpx.AsyncClient(timeout=JWKS_WAIT_S) as client:
        return (await client.get(place)).raise_for_status().content
