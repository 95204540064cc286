"""What a failure of Stripe's means: the one place that decides between the outward errors.

A request that surely did nothing is `Temporary`; one that may have moved money is `Uncertain`.
Stripe's own sentences stay out of the texts made here, since they may name a customer.
"""

from __future__ import annotations

import requests
import stripe
from urllib3 import exceptions as low_level

from crm.core.errors import Denied, Outward, Permanent, Temporary, Uncertain

NOTHING_WAS_SENT = (
    low_level.NewConnectionError,
    low_level.ConnectTimeoutError,
    low_level.ProxyError,
)


class Refused(Permanent):
    """Stripe refused this very request. param: the field it complains about, or empty."""

    def __init__(self, detail: str, *, status: int, param: str = ""):
        super().__init__(detail)
        self.status = status
        self.param = param


class Replayed(Uncertain):
    """A stored 5xx was repeated: under this key Stripe will never answer anything else."""


def fault_of(error: stripe.StripeError, reads: bool) -> Outward:
    """reads: the request changes nothing over there."""
    if isinstance(error, stripe.APIConnectionError):
        return _of_line(error.__cause__, reads)
    status = error.http_status or 0
    detail = f"Stripe answered {status}" + (f", {error.code}" if error.code else "")
    if isinstance(error, stripe.RateLimitError) or status in (408, 425, 429):
        return Temporary(detail, after=_asked_wait(error))
    if status == 409:
        # The same key is at work over there right now; asking again under it is safe.
        return Temporary(detail)
    if status in (401, 403):
        return Denied(detail)
    if 400 <= status < 500:
        param = getattr(error, "param", None) or ""
        if isinstance(error, stripe.IdempotencyError):
            detail = "Stripe knows this key with other parameters"
        return Refused(detail, status=status, param=param)
    if reads:
        return Temporary(detail)
    is_replayed = (error.headers or {}).get("Idempotent-Replayed") == "true"
    return Replayed(detail) if is_replayed else Uncertain(detail)


def _of_line(cause: BaseException | None, reads: bool) -> Outward:
    kind = type(cause).__name__
    reason = getattr(cause.args[0], "reason", None) if cause and cause.args else None
    is_certificate = isinstance(cause, requests.exceptions.SSLError)
    if (
        isinstance(cause, requests.ConnectTimeout)
        or is_certificate
        or isinstance(reason, NOTHING_WAS_SENT)
    ):
        return Temporary(f"no connection to Stripe ({kind})")
    detail = f"the line to Stripe broke ({kind})"
    return Temporary(detail) if reads else Uncertain(detail)


def _asked_wait(error: stripe.StripeError) -> float | None:
    told = (error.headers or {}).get("Retry-After") or ""
    return float(told) if told.isdigit() and len(told) < 6 else None
