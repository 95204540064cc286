"""Attempts to pay by card: begun here with an amount the server worked out, at most one open door
for a repair at a time. Opening the hosted page is `checkout.py`, what became of it `settling.py`.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import extract, func, or_, select

from crm.core import refs
from crm.core.errors import Conflict, Invalid, NotFound
from crm.core.events import SYSTEM, Actor
from crm.core.uow import UnitOfWork
from crm.payments import rules, subjects
from crm.payments.events import PaymentFailed, PaymentInitiated
from crm.payments.models import Attempt
from crm.payments.provider import Provider

REF_PREFIX = "CHK"
MOST_DOUBTFUL = 50


def begin(
    uow: UnitOfWork,
    repair_id: int,
    purpose: str,
    amount_minor: int,
    currency: str,
    customer_id: int | None,
    quote_id: int | None,
    provider: Provider,
    actor: Actor = SYSTEM,
) -> Attempt:
    """An attempt to pay this amount: the one that is open, or a new one in its stead.

    An open attempt for another amount or purpose is closed: what is due has changed. Money that
    comes in on it all the same is kept (see `settling.py`).
    Raises NotFound, Invalid (by field), Conflict (`payment-processing`: money is on its way).
    """
    _check(purpose, amount_minor)
    subject = subjects.locked(uow, repair_id, None, customer_id)
    if currency != subject.currency:
        only = [f"This is paid in {subject.currency}."]
        raise Invalid("another currency", errors={"currency": only})
    for attempt in _unsettled(uow, repair_id):
        if attempt.state == "processing":
            raise Conflict("a payment is being processed", code="payment-processing")
        wanted = (purpose, amount_minor, currency, provider.name, provider.livemode)
        asked = (attempt.purpose, attempt.amount_minor, attempt.currency, attempt.provider,
                 attempt.livemode)  # fmt: skip
        if wanted == asked and rules.takes_money(attempt, uow.now):
            return attempt
        if attempt.state in rules.LIVE:
            attempt.state, attempt.reason = "expired", "replaced"
    uow.session.flush()
    attempt = Attempt(
        ref=refs.free(uow, REF_PREFIX, Attempt.ref),
        repair_id=repair_id,
        customer_id=subject.scope.customer_id,
        purpose=purpose,
        quote_id=quote_id,
        amount_minor=amount_minor,
        currency=currency,
        provider=provider.name,
        state="created",
        livemode=provider.livemode,
        created_at=uow.now,
        expires_at=uow.now + rules.ATTEMPT_LIFE,
    )
    uow.session.add(attempt)
    uow.session.flush()
    uow.record(PaymentInitiated(attempt.id, actor, repair_id, amount_minor, currency, purpose))
    return attempt


def opened(
    uow: UnitOfWork, attempt_id: int, session_id: str, url: str, expires_at: datetime
) -> Attempt:
    """The provider opened the hosted page. What was said of the attempt meanwhile stays."""
    attempt = locked(uow, attempt_id)
    if attempt.url is None:
        attempt.provider_session_id, attempt.url = session_id, url
        attempt.expires_at = expires_at
    if attempt.state == "created":
        attempt.state = "open"
    uow.session.flush()
    return attempt


def failed(uow: UnitOfWork, attempt_id: int, reason: str) -> Attempt:
    """Nothing came of it: the money was refused in the end, or the page never opened."""
    attempt = locked(uow, attempt_id)
    if attempt.state in (*rules.LIVE, "processing"):
        attempt.state, attempt.reason = "failed", reason
        uow.record(PaymentFailed(attempt.id, SYSTEM, attempt.repair_id, reason))
    _close(uow, attempt)
    return attempt


def expired(uow: UnitOfWork, attempt_id: int, reason: str | None = None) -> Attempt:
    """The provider takes no money on it any more."""
    attempt = locked(uow, attempt_id)
    if attempt.state in rules.LIVE:
        attempt.state, attempt.reason = "expired", reason
    _close(uow, attempt)
    return attempt


def replaced(uow: UnitOfWork, repair_id: int) -> list[str]:
    """Sessions of closed attempts that the provider may still take money on."""
    query = select(Attempt.provider_session_id).where(
        Attempt.repair_id == repair_id,
        Attempt.state == "expired",
        Attempt.settled_at.is_(None),
        Attempt.provider_session_id.is_not(None),
    )
    return list(uow.session.scalars(query.order_by(Attempt.id)))


def doubtful(uow: UnitOfWork, provider: str, limit: int = MOST_DOUBTFUL) -> list[Attempt]:
    """A provider's attempts older than 15 minutes without a last word, whose turn it is to be asked about.

    An attempt is asked about again after a quarter of its age: soon at first, later seldom. The one
    asked about longest ago comes first.
    """
    age = extract("epoch", uow.now - Attempt.created_at)
    waited = extract("epoch", uow.now - Attempt.asked_at)
    query = (
        select(Attempt)
        .where(
            Attempt.settled_at.is_(None),
            Attempt.provider == provider,
            Attempt.created_at < uow.now - rules.DOUBTFUL_AFTER,
            or_(Attempt.asked_at.is_(None), waited * 4 > age),
        )
        .order_by(func.coalesce(Attempt.asked_at, Attempt.created_at), Attempt.id)
    )
    return list(uow.session.scalars(query.limit(limit)))


def locked(uow: UnitOfWork, attempt_id: int) -> Attempt:
    """The repair first, as everywhere. Raises NotFound."""
    attempt = uow.session.get(Attempt, attempt_id)
    if attempt is None:
        raise NotFound("no such attempt")
    subjects.locked(uow, attempt.repair_id, attempt.invoice_id)
    uow.session.refresh(attempt, with_for_update=True)
    return attempt


def _close(uow: UnitOfWork, attempt: Attempt) -> None:
    """While money is on its way the last word is still to come."""
    if attempt.state != "processing" and attempt.settled_at is None:
        attempt.settled_at = uow.now
    uow.session.flush()


def _unsettled(uow: UnitOfWork, repair_id: int) -> list[Attempt]:
    query = select(Attempt).where(Attempt.repair_id == repair_id, Attempt.settled_at.is_(None))
    query = query.order_by(Attempt.id.desc()).execution_options(populate_existing=True)
    return list(uow.session.scalars(query.with_for_update()))


def _check(purpose: str, amount_minor: int) -> None:
    if errors := rules.faults(purpose, amount_minor):
        raise Invalid("this cannot be paid", errors=errors)
