"""How often Chatwoot may be called: a shared rate, and a rate per conversation.

Counts in Redis, so that every process draws on one allowance; without Redis, or while it is
away, each process counts for itself. Chatwoot's own limits (api.md 1.6) lie well above.
"""

from __future__ import annotations

import logging
import math
import time

from limits import RateLimitItem, RateLimitItemPerMinute
from limits.errors import StorageError
from limits.storage import MemoryStorage, RedisStorage
from limits.strategies import MovingWindowRateLimiter
from redis.backoff import NoBackoff
from redis.retry import Retry

from crm.core.errors import Temporary

log = logging.getLogger(__name__)

LONGEST_WAIT_SECONDS = 1.0
REDIS_PATIENCE_SECONDS = 0.2
REDIS_PAUSE_SECONDS = 30.0


class Throttle:
    """per_second: average rate; a burst may use a whole minute's worth. Thread-safe."""

    def __init__(
        self,
        redis_url: str | None = None,
        *,
        per_second: int = 20,
        messages_per_minute: int = 100,
    ):
        self._calls = RateLimitItemPerMinute(60 * per_second)
        self._messages = RateLimitItemPerMinute(messages_per_minute)
        self._memory = MovingWindowRateLimiter(MemoryStorage())
        self._shared = _on_redis(redis_url) if redis_url else None
        self._redis_again_at = 0.0

    def wait(self, destination: str, conversation: str | None = None) -> None:
        """Take a place for one call; conversation: set when the call writes a message there.

        Waits up to a second for a place. Raises Temporary (costs no attempt, `after` = seconds
        until a place is free) when that is not enough.
        """
        deadline = time.monotonic() + LONGEST_WAIT_SECONDS
        if conversation is not None:
            self._take(self._messages, deadline, "message", destination, conversation)
        self._take(self._calls, deadline, "call", destination)

    def _take(self, rate: RateLimitItem, deadline: float, *key: str) -> None:
        while (free_in := self._try(rate, *key)) > 0:
            if time.monotonic() + free_in > deadline:
                raise Temporary(
                    f"the {key[0]} rate for Chatwoot is used up",
                    after=math.ceil(free_in),
                    costs_attempt=False,
                )
            time.sleep(free_in)

    def _try(self, rate: RateLimitItem, *key: str) -> float:
        """0 when a place was taken, else the seconds until one may be free."""
        if self._shared is not None and time.monotonic() >= self._redis_again_at:
            try:
                return _hit(self._shared, rate, *key)
            except StorageError:
                log.warning("redis is away: counting calls to Chatwoot in this process")
                self._redis_again_at = time.monotonic() + REDIS_PAUSE_SECONDS
        return _hit(self._memory, rate, *key)


def _hit(limiter: MovingWindowRateLimiter, rate: RateLimitItem, *key: str) -> float:
    if limiter.hit(rate, *key):
        return 0.0
    return max(limiter.get_window_stats(rate, *key).reset_time - time.time(), 0.01)


def _on_redis(url: str) -> MovingWindowRateLimiter:
    storage = RedisStorage(
        url.replace("unix://", "redis+unix://", 1) if url.startswith("unix://") else url,
        key_prefix="mendline:chatwoot",
        wrap_exceptions=True,
        socket_timeout=REDIS_PATIENCE_SECONDS,
        socket_connect_timeout=REDIS_PATIENCE_SECONDS,
        retry=Retry(NoBackoff(), 0),
    )
    return MovingWindowRateLimiter(storage)
