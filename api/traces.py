"""Langfuse, as far as the gateway needs it: traces of deleted videos are deleted there."""

import httpx

from api.settings import Settings
from models.errors import ServiceUnavailable
from models.journal import trace_id

TRACE = "/api/public/traces"
TIMEOUT_S = 10.0


class Traces:
    def __init__(self, url: str, public_key: str, secret_key: str) -> None:
        self._client = httpx.AsyncClient(
            base_url=url, auth=(public_key, secret_key), timeout=TIMEOUT_S
        )

    @classmethod
    def of(cls, settings: Settings) -> "Traces | None":
        """None where videos are not traced."""
        secret = settings.langfuse_secret_key.get_secret_value()
        if not settings.langfuse_public_key or not secret:
            return None
        return cls(settings.langfuse_url, settings.langfuse_public_key, secret)

    async def close(self) -> None:
        await self._client.aclose()

    async def forget(self, video: str) -> None:
        """One that was never there is forgotten too. Raises ServiceUnavailable."""
        try:
            answer = await self._client.delete(f"{TRACE}/{trace_id(video)}")
            if answer.status_code != httpx.codes.NOT_FOUND:
                answer.raise_for_status()
        except httpx.HTTPError as error:
            raise ServiceUnavailable(f"Langfuse does not delete a trace: {error}") from error
