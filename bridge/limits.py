"""Rate limits per visitor, counted in Redis; while Redis is away each process counts for itself.

Decorate a view with `limiter.limit(SIGN_IN)`. The figures are those of reliability.md rule 34.
Webhooks are never limited: Chatwoot takes a 429 for a failure (rule 2).
"""

from __future__ import annotations

from flask import Flask
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address
from redis.backoff import NoBackoff
from redis.retry import Retry

from bridge.context import Context

SIGN_IN = "5 per 5 minutes"
SIGN_IN_LINKS = "3 per hour"  # for each address that a visitor asks for
TRACKING = "10 per minute"
WRITING = "5 per hour"  # for each link
UPLOADS = "20 per hour"  # for each link
SIGNING = "20 per hour"  # for each link
QUOTING = "30 per hour"  # for each link
PAYING = "30 per hour"  # for each link
SURVEY = "30 per hour"  # for each link
PREFERENCES = "30 per hour"  # for each link
DRAFTS = "30 per hour"
BOOKING = "5 per hour"
BOOKING_PAGES = "240 per minute"
COLLECTION_CODES = "10 per hour"  # for each repair
CATALOGUE = "240 per minute"
ESTIMATES = "30 per minute"


class _DecoratedOnly(Limiter):
    """Looks at the views that carry a limit. There are no other limits, and a look at every request
    would cost each webhook more than all our own hooks together.
    """

    def _check_request_limit(
        self, callable_name: str | None = None, in_middleware: bool = True
    ) -> None:
        if not in_middleware:
            super()._check_request_limit(callable_name, in_middleware)


limiter = _DecoratedOnly(key_func=get_remote_address, in_memory_fallback_enabled=True)


def init_app(app: Flask, context: Context) -> None:
    address = context.redis_url or "memory://"
    app.config["RATELIMIT_STORAGE_URI"] = address.replace("unix://", "redis+unix://", 1)
    if context.redis_url:
        app.config["RATELIMIT_STORAGE_OPTIONS"] = {
            "socket_timeout": 0.2,
            "socket_connect_timeout": 0.2,
            "retry": Retry(NoBackoff(), 0),
        }
    limiter.init_app(app)
