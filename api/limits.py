"""How often a caller may call: a moving window of a minute, shared through Redis.

Without Redis each gateway process counts for itself; that is said loudly, because the limit is
then multiplied by the number of processes.
"""

import logging
import time
from dataclasses import dataclass

from limits import RateLimitItem, RateLimitItemPerMinute
from limits.aio.storage import MemoryStorage, RedisStorage
from limits.aio.strategies import MovingWindowRateLimiter
from limits.errors import StorageError

log = logging.getLogger(__name__)

RETRY_REDIS_S = 5.0
REDIS_WAIT_S = 1.0


@dataclass(frozen=True)
class Allowance:
    limit: int  # a minute
    remaining: int
    reset_s: int  # until the oldest call is forgotten
    allowed: bool

    def headers(self) -> dict[str, str]:
        told = {
            "RateLimit-Limit": str(self.limit),
            "RateLimit-Remaining": str(self.remaining),
            "RateLimit-Reset": str(self.reset_s),
            "RateLimit-Policy": f"{self.limit};w=60",
        }
        return told if self.allowed else {**told, "Retry-After": str(self.reset_s)}


class Limits:
    def __init__(self, redis_url: str | None) -> None:
        self._storage = _redis(redis_url) if redis_url else None
        self._redis = MovingWindowRateLimiter(self._storage) if self._storage else None
        self._here = MovingWindowRateLimiter(MemoryStorage())
        self._redis_back_at = 0.0
        if redis_url is None:
            log.warning("REDIS_URL is not set: each gateway process counts calls for itself")

    @property
    def shared(self) -> bool:
        """False: every process counts for itself."""
        return self._redis is not None and self._redis_back_at == 0.0

    @property
    def degraded(self) -> bool:
        """Redis is configured and does not answer."""
        return self._redis is not None and not self.shared

    async def take(self, name: str, per_minute: int) -> Allowance:
        """Count one call of `name`, unless its minute is full."""
        item = RateLimitItemPerMinute(per_minute)
        if self._redis is not None and time.monotonic() >= self._redis_back_at:
            try:
                taken = await _take(self._redis, item, name)
            except StorageError as error:
                self._redis_is_away(error)
            else:
                self._redis_is_back()
                return taken
        return await _take(self._here, item, name)

    async def ready(self) -> bool:
        """Redis answers, where there is one."""
        try:
            return self._storage is None or await self._storage.check()
        except StorageError:
            return False

    async def close(self) -> None:
        if self._storage is not None:
            await self._storage.bridge.get_connection().aclose()  # type: ignore[attr-defined]

    def _redis_is_away(self, error: Exception) -> None:
        log.error("Redis does not answer (%s): each process counts calls for itself", error)
        self._redis_back_at = time.monotonic() + RETRY_REDIS_S

    def _redis_is_back(self) -> None:
        if self._redis_back_at:
            log.warning("Redis answers again: calls are counted together")
            self._redis_back_at = 0.0


def _redis(url: str) -> RedisStorage:
    return RedisStorage(
        f"async+{url}",
        implementation="redispy",
        wrap_exceptions=True,
        socket_timeout=REDIS_WAIT_S,
        socket_connect_timeout=REDIS_WAIT_S,
    )


async def _take(limiter: MovingWindowRateLimiter, item: RateLimitItem, name: str) -> Allowance:
    allowed = await limiter.hit(item, name)
    stats = await limiter.get_window_stats(item, name)
    reset_s = max(1, round(stats.reset_time - time.time() + 0.5))
    remaining = stats.remaining if allowed else 0
    return Allowance(item.amount, remaining, reset_s, allowed)
