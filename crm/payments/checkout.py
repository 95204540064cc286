"""Opening the provider's hosted page for an attempt: the one outside call a caller waits for.

The attempt is committed before the call and what came of it after; killed in between, the same call
is repeated under the same reference and gives the same page (design.md, "The one way out").
"""

from __future__ import annotations

from dataclasses import dataclass

import structlog

from crm.core.errors import Conflict, NotFound, Outward, Permanent
from crm.core.uow import Units
from crm.payments import attempts, rules
from crm.payments.models import Attempt
from crm.payments.provider import Order, Provider

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Page:
    """label: what is paid, for the customer. success_url, cancel_url: where they come back to."""

    label: str
    success_url: str
    cancel_url: str
    locale: str
    customer_email: str | None = None


def open_page(units: Units, provider: Provider, attempt_id: int, page: Page) -> Attempt:
    """The attempt with its `url`; asks the provider only if it has none.

    No unit of work may be open. Raises NotFound, Conflict (`attempt-over`), Permanent (the attempt
    has failed then), Temporary, Denied, Uncertain (the attempt stays and may be opened again).
    """
    with units() as uow:
        attempt = uow.session.get(Attempt, attempt_id)
        if attempt is None:
            raise NotFound("no such attempt")
        if attempt.url is not None:
            return attempt
        if not rules.takes_money(attempt, uow.now):
            raise Conflict("this attempt has had its time; begin anew", code="attempt-over")
        left_open = attempts.replaced(uow, attempt.repair_id) if attempt.repair_id else []
    for session_id in left_open:
        _close(provider, session_id)
    try:
        session = provider.checkout(_order(attempt, page))
    except Permanent as error:
        with units() as uow:
            attempts.failed(uow, attempt_id, error.detail or error.code)
        raise
    with units() as uow:
        return attempts.opened(uow, attempt_id, session.id, session.url, session.expires_at)


def _order(attempt: Attempt, page: Page) -> Order:
    return Order(
        attempt_ref=attempt.ref,
        amount_minor=attempt.amount_minor,
        currency=attempt.currency,
        label=page.label,
        success_url=page.success_url,
        cancel_url=page.cancel_url,
        customer_email=page.customer_email,
        locale=page.locale,
        expires_at=attempt.expires_at,
        created_at=attempt.created_at,
    )


def _close(provider: Provider, session_id: str) -> None:
    """Its money would be kept for the customer, so a page that stays open harms nobody."""
    try:
        provider.expire(session_id)
    except Outward as error:
        log.warning("a replaced checkout stays open", code=error.code)
