"""The ledger: transactions whose legs add up to zero, written once and never changed.

Which legs an act has is said in `rules.py`. What is decided from a balance is decided under the lock
of the repair, or of the invoice where there is no repair; `post` takes it, and refuses what would
make a customer's debt or the money held for them negative.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sqlalchemy import func, select, text
from sqlalchemy.dialects.postgresql import insert

from crm.core.errors import Conflict, NotFound
from crm.core.uow import UnitOfWork
from crm.payments import rules
from crm.payments.models import LedgerEntry, LedgerTransaction
from crm.payments.rules import Leg, Scope

__all__ = ["Leg", "Scope", "apply_held", "held", "lock", "post", "receivable"]

_LOCKS = {
    "repair_id": text("SELECT id FROM repairs WHERE id = :id FOR UPDATE"),
    "invoice_id": text("SELECT id FROM invoices WHERE id = :id FOR UPDATE"),
}


def post(uow: UnitOfWork, cause: str, currency: str, legs: Iterable[Leg]) -> bool:
    """Write one transaction; False when this cause was posted before.

    Raises ValueError (legs that do not add up to zero), NotFound, Conflict (`more-than-held`,
    `more-than-owed`, `other-currency`).
    """
    legs = tuple(legs)
    if not legs or not rules.is_balanced(legs):
        raise ValueError(f"{cause}: the legs do not add up to zero")
    for scope in _scopes(legs):
        lock(uow, scope)
    # Objects the legs refer to are written first.
    uow.session.flush()
    transaction_id = uow.session.scalar(
        insert(LedgerTransaction)
        .values(cause=cause, currency=currency, at=uow.now)
        .on_conflict_do_nothing(index_elements=["cause"])
        .returning(LedgerTransaction.id)
    )
    if transaction_id is None:
        return False
    uow.session.execute(
        insert(LedgerEntry),
        [
            {
                "transaction_id": transaction_id,
                "cause": cause,
                "account": leg.account,
                "amount_minor": leg.amount_minor,
                "currency": currency,
                "repair_id": leg.repair_id,
                "customer_id": leg.customer_id,
                "invoice_id": leg.invoice_id,
                "payment_id": leg.payment_id,
                "at": uow.now,
            }
            for leg in legs
        ],
    )
    _check(uow, currency, legs)
    return True


def lock(uow: UnitOfWork, scope: Scope) -> None:
    """One decision about this money at a time. Raises NotFound."""
    name = "invoice_id" if scope.repair_id is None else "repair_id"
    found = uow.session.execute(_LOCKS[name], {"id": getattr(scope, name)}).first()
    if found is None:
        raise NotFound(f"no such {name.removesuffix('_id')}")


def receivable(uow: UnitOfWork, invoice_id: int) -> int:
    """What is still owed on an invoice."""
    return _sum(uow, LedgerEntry.account == "receivable", LedgerEntry.invoice_id == invoice_id)


def held(uow: UnitOfWork, *, repair_id: int | None = None, invoice_id: int | None = None) -> int:
    """The customer's money for a repair, or for an invoice without one, that is not yet earned."""
    return held_in(uow, Scope.of(repair_id, invoice_id))


def held_in(uow: UnitOfWork, scope: Scope) -> int:
    return -_sum(uow, LedgerEntry.account == "held", *_of(scope))


def owed(uow: UnitOfWork, scope: Scope) -> list[tuple[int, int]]:
    """(invoice id, still owed) of those not paid in full, oldest first."""
    rest = func.sum(LedgerEntry.amount_minor)
    query = (
        select(LedgerEntry.invoice_id, rest)
        .where(LedgerEntry.account == "receivable", *_of(scope))
        .group_by(LedgerEntry.invoice_id)
        .having(rest > 0)
        .order_by(LedgerEntry.invoice_id)
    )
    return [(invoice_id, int(amount)) for invoice_id, amount in uow.session.execute(query)]


def currencies(uow: UnitOfWork, scope: Scope) -> set[str]:
    """The one currency of this money; empty before anything was posted."""
    query = select(LedgerEntry.currency).where(
        LedgerEntry.account.in_(("held", "receivable")), *_of(scope)
    )
    return set(uow.session.scalars(query.distinct()))


def apply_held(
    uow: UnitOfWork, repair_id: int | None = None, *, invoice_id: int | None = None
) -> int:
    """Pay open invoices out of what is held, oldest first. Returns how much was applied."""
    scope = Scope.of(repair_id, invoice_id)
    lock(uow, scope)
    parts = rules.spread(held_in(uow, scope), owed(uow, scope))
    for invoice, amount in parts:
        (currency,) = currencies(uow, scope)
        customer_id = _debtor(uow, invoice)
        of_debtor = Scope(scope.repair_id, scope.invoice_id, customer_id)
        cause = f"applied:{invoice}:{_times_applied(uow, invoice) + 1}"
        post(uow, cause, currency, rules.applied(of_debtor, invoice, amount))
    return sum(amount for _, amount in parts)


def _debtor(uow: UnitOfWork, invoice_id: int) -> int | None:
    query = select(LedgerEntry.customer_id).where(
        LedgerEntry.account == "receivable", LedgerEntry.invoice_id == invoice_id
    )
    return uow.session.scalar(query.order_by(LedgerEntry.id).limit(1))


def _times_applied(uow: UnitOfWork, invoice_id: int) -> int:
    query = select(func.count()).where(
        LedgerEntry.account == "receivable",
        LedgerEntry.invoice_id == invoice_id,
        LedgerEntry.cause.like("applied:%"),
    )
    return uow.session.scalar(query) or 0


def _scopes(legs: Sequence[Leg]) -> list[Scope]:
    """What is to be locked, always in the same order."""
    names = {
        (leg.repair_id is None, leg.repair_id or leg.invoice_id)
        for leg in legs
        if leg.repair_id is not None or leg.invoice_id is not None
    }
    return [
        Scope(invoice_id=number) if is_invoice else Scope(repair_id=number)
        for is_invoice, number in sorted(names)
    ]


def _of(scope: Scope) -> tuple:
    if scope.repair_id is not None:
        return (LedgerEntry.repair_id == scope.repair_id,)
    return (LedgerEntry.invoice_id == scope.invoice_id, LedgerEntry.repair_id.is_(None))


def _sum(uow: UnitOfWork, *where) -> int:
    whole = func.coalesce(func.sum(LedgerEntry.amount_minor), 0)
    return int(uow.session.scalar(select(whole).where(*where)) or 0)


def _check(uow: UnitOfWork, currency: str, legs: Sequence[Leg]) -> None:
    for leg in legs:
        scope = Scope.of(leg.repair_id, leg.invoice_id)
        if leg.account in ("held", "receivable") and currencies(uow, scope) != {currency}:
            raise Conflict(f"this money is not in {currency}", code="other-currency")
        if leg.account == "held" and held_in(uow, scope) < 0:
            raise Conflict("more than is held for this customer", code="more-than-held")
        if leg.account == "receivable" and receivable(uow, leg.invoice_id) < 0:
            raise Conflict("more than is owed on this invoice", code="more-than-owed")
