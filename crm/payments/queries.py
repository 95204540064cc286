"""Reads of payments, attempts and of what is between the shop and a customer; nothing here locks."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import func, or_, select, text

from crm.core import refs
from crm.core.errors import NotFound
from crm.core.paging import Page, page
from crm.core.uow import UnitOfWork
from crm.payments import attempts, service
from crm.payments.models import Attempt, LedgerEntry, Payment
from crm.payments.provider import DisputeFact, RefundFact
from crm.payments.rules import METHODS, Standing

_CURRENCY = text("SELECT currency FROM repairs WHERE id = :id")


def by_ref(uow: UnitOfWork, typed: str) -> Payment:
    """Raises NotFound."""
    ref = refs.read(service.REF_PREFIX, typed)
    found = uow.session.scalar(select(Payment).where(Payment.ref == ref))
    if found is None:
        raise NotFound("no such payment")
    return found


def attempt_by_ref(uow: UnitOfWork, typed: str) -> Attempt:
    """Raises NotFound."""
    ref = refs.read(attempts.REF_PREFIX, typed)
    found = uow.session.scalar(select(Attempt).where(Attempt.ref == ref))
    if found is None:
        raise NotFound("no such attempt")
    return found


def told_of(uow: UnitOfWork, fact: DisputeFact | RefundFact) -> Payment | None:
    """The payment the provider means; None when it is none of ours."""
    known = []
    if fact.payment_id:
        known.append(Payment.provider_payment_id == fact.payment_id)
    if fact.charge_id:
        known.append(Payment.provider_charge_id == fact.charge_id)
    return uow.session.scalars(select(Payment).where(or_(*known))).first() if known else None


def latest_attempt(uow: UnitOfWork, repair_id: int) -> Attempt | None:
    query = select(Attempt).where(Attempt.repair_id == repair_id)
    return uow.session.scalar(query.order_by(Attempt.id.desc()).limit(1))


def listed(
    uow: UnitOfWork,
    *,
    repair_id: int | None = None,
    invoice_id: int | None = None,
    customer_id: int | None = None,
    method: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    limit: int,
    after: Sequence[Any] | None = None,
) -> Page:
    """Newest first. since, until: when the money came in, the second excluded."""
    query = select(Payment)
    for column, wanted in (
        (Payment.repair_id, repair_id),
        (Payment.invoice_id, invoice_id),
        (Payment.customer_id, customer_id),
        (Payment.method, method),
    ):
        if wanted is not None:
            query = query.where(column == wanted)
    if since is not None:
        query = query.where(Payment.received_at >= since)
    if until is not None:
        query = query.where(Payment.received_at < until)
    order = [Payment.received_at, Payment.id]
    return page(uow.session, query, order, limit=limit, after=after)


def of_repair(uow: UnitOfWork, repair_id: int) -> list[Payment]:
    """Oldest first."""
    query = select(Payment).where(Payment.repair_id == repair_id).order_by(Payment.id)
    return list(uow.session.scalars(query))


def owed(uow: UnitOfWork, repair_ids: Collection[int]) -> dict[str, int]:
    """What is still to pay for these repairs, by currency; one query for all of them.

    What is held for one repair does not pay for another.
    """
    if not repair_ids:
        return {}
    amount, account = LedgerEntry.amount_minor, LedgerEntry.account
    # Held money is negative in the ledger, so both together are what is not covered yet.
    query = (
        select(LedgerEntry.currency, func.sum(amount))
        .where(LedgerEntry.repair_id.in_(repair_ids), account.in_(("receivable", "held")))
        .group_by(LedgerEntry.repair_id, LedgerEntry.currency)
    )
    found: dict[str, int] = {}
    for currency, left in uow.session.execute(query):
        if left > 0:
            found[currency] = found.get(currency, 0) + int(left)
    return found


def standing(uow: UnitOfWork, repair_id: int) -> Standing:
    """Raises NotFound."""
    currency = uow.session.scalar(_CURRENCY, {"id": repair_id})
    if currency is None:
        raise NotFound("no such repair")
    account, amount, cause = LedgerEntry.account, LedgerEntry.amount_minor, LedgerEntry.cause

    def total(*where: Any) -> Any:
        return func.coalesce(func.sum(amount).filter(*where), 0)

    money_lies = account.in_((*METHODS, "refunding"))
    query = select(
        total(account.in_(("sales", "tax")), cause.op("~")("^(invoice|credit_note):")),
        total(account == "receivable"),
        total(account == "held"),
        total(account.in_(METHODS), cause.like("payment:%")),
        total(money_lies, cause.like("refund:%")),
        func.max(LedgerEntry.currency),
    ).where(LedgerEntry.repair_id == repair_id)
    earned, owed, held, paid, given_back, booked = uow.session.execute(query).one()
    return Standing(
        currency=booked or currency,
        invoiced_minor=-int(earned),
        open_minor=int(owed),
        held_minor=-int(held),
        paid_minor=int(paid),
        refunded_minor=-int(given_back),
    )
