"""Pure rules of money received: accounts, states, which legs an act has, what is still due.

A leg's sign is the bookkeeper's: what the shop has or is owed is positive, what it owes or earned
is negative. So `held` is negative in the ledger and told as a positive amount everywhere else.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from crm.core import money

if TYPE_CHECKING:
    from crm.payments.models import Attempt
    from crm.payments.provider import Fact

# `refunding`: promised back to a customer and on its way: no longer held, not yet gone.
ACCOUNTS = ("receivable", "held", "card", "cash", "transfer", "other", "sales", "tax", "fees",
            "disputed", "refunding")  # fmt: skip
METHODS = ("card", "cash", "transfer", "other")
PURPOSES = ("deposit", "balance", "other")
PAYMENT_STATES = ("received", "disputed", "lost")
ATTEMPT_STATES = ("created", "open", "processing", "paid", "expired", "failed", "mismatched")
# States in which a customer may be sent to pay.
LIVE = ("created", "open")

# A hosted page has to stay open for 30 minutes at least, counted from when it is asked for; an
# attempt that has none yet may ask for one until then.
ATTEMPT_LIFE = timedelta(minutes=45)
OPEN_WITHIN = timedelta(minutes=10)
# Nobody is sent to a page that closes while they look for their card.
TO_PAY = timedelta(minutes=5)
DOUBTFUL_AFTER = timedelta(minutes=15)


@dataclass(frozen=True)
class Leg:
    """One side of a transaction. amount_minor: signed, never 0."""

    account: str
    amount_minor: int
    repair_id: int | None = None
    invoice_id: int | None = None
    customer_id: int | None = None
    payment_id: int | None = None


@dataclass(frozen=True)
class Scope:
    """Where money is held: a repair, or an invoice that belongs to none."""

    repair_id: int | None = None
    invoice_id: int | None = None
    customer_id: int | None = None

    @classmethod
    def of(
        cls, repair_id: int | None, invoice_id: int | None, customer_id: int | None = None
    ) -> Scope:
        return cls(repair_id, None if repair_id is not None else invoice_id, customer_id)

    def held(self, amount_minor: int, payment_id: int | None = None) -> Leg:
        return Leg("held", amount_minor, self.repair_id, self.invoice_id, self.customer_id,
                   payment_id)  # fmt: skip


def faults(purpose: str, amount_minor: int) -> dict[str, list[str]]:
    """Field -> what is wrong with what somebody wants to take or to have paid."""
    errors = {}
    if purpose not in PURPOSES:
        errors["purpose"] = [f"One of: {', '.join(PURPOSES)}."]
    # True is an int to Python, and no amount to anybody.
    if type(amount_minor) is not int or not 0 < amount_minor <= money.MOST_MINOR:
        errors["amount_minor"] = [f"A whole number from 1 to {money.MOST_MINOR}."]
    return errors


def legs_of(*legs: Leg) -> tuple[Leg, ...]:
    """Without those that are nothing: a receipt free of tax has no leg for it."""
    return tuple(leg for leg in legs if leg.amount_minor)


def is_balanced(legs: Iterable[Leg]) -> bool:
    return sum(leg.amount_minor for leg in legs) == 0


def invoiced(scope: Scope, invoice_id: int, total_minor: int, tax_minor: int) -> tuple[Leg, ...]:
    def leg(account: str, amount: int) -> Leg:
        return Leg(account, amount, scope.repair_id, invoice_id, scope.customer_id)

    return legs_of(
        leg("receivable", total_minor),
        leg("sales", tax_minor - total_minor),
        leg("tax", -tax_minor),
    )


def credited(
    scope: Scope, invoice_id: int, total_minor: int, tax_minor: int, open_minor: int
) -> tuple[Leg, ...]:
    """invoice_id: the corrected invoice. open_minor: what is still owed on it."""

    def leg(account: str, amount: int) -> Leg:
        return Leg(account, amount, scope.repair_id, invoice_id, scope.customer_id)

    off = min(total_minor, open_minor)
    return legs_of(
        leg("sales", total_minor - tax_minor),
        leg("tax", tax_minor),
        leg("receivable", -off),
        scope.held(off - total_minor),
    )


def received(scope: Scope, method: str, amount_minor: int, payment_id: int) -> tuple[Leg, ...]:
    cash = Leg(method, amount_minor, scope.repair_id, scope.invoice_id, scope.customer_id,
               payment_id)  # fmt: skip
    return (cash, scope.held(-amount_minor, payment_id))


def fee(scope: Scope, fee_minor: int, payment_id: int) -> tuple[Leg, ...]:
    def leg(account: str, amount: int) -> Leg:
        return Leg(account, amount, scope.repair_id, scope.invoice_id, scope.customer_id,
                   payment_id)  # fmt: skip

    return legs_of(leg("fees", fee_minor), leg("card", -fee_minor))


def applied(scope: Scope, invoice_id: int, amount_minor: int) -> tuple[Leg, ...]:
    owed = Leg("receivable", -amount_minor, scope.repair_id, invoice_id, scope.customer_id)
    return (scope.held(amount_minor), owed)


def spread(held_minor: int, open_minor: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """What of the held money pays which invoice.

    open_minor: (invoice id, still owed), the one to be paid first in front.
    """
    parts = []
    for invoice_id, owed in open_minor:
        part = min(held_minor, owed)
        if part > 0:
            parts.append((invoice_id, part))
            held_minor -= part
    return parts


@dataclass(frozen=True)
class Standing:
    """What is between the shop and a customer for one repair; no amount is negative.

    invoiced_minor: invoices less credit notes. open_minor: still owed on invoices. held_minor: the
    customer's money not yet earned. paid_minor: all that came in. refunded_minor: all given back.
    """

    currency: str
    invoiced_minor: int
    open_minor: int
    held_minor: int
    paid_minor: int
    refunded_minor: int


def deposit_due(standing: Standing, deposit_minor: int) -> int:
    """What is missing of the deposit a quote asks for; nothing once there is an invoice."""
    if standing.invoiced_minor:
        return 0
    return max(0, deposit_minor - (standing.paid_minor - standing.refunded_minor))


def balance_due(standing: Standing) -> int:
    """What is owed on invoices and not yet covered by what is held."""
    return max(0, standing.open_minor - standing.held_minor)


def takes_money(attempt: Attempt, now: datetime) -> bool:
    """Whether a customer can still be sent to pay on it."""
    if attempt.state == "created":
        return now < attempt.created_at + OPEN_WITHIN
    return attempt.state == "open" and now < attempt.expires_at - TO_PAY


def is_over(attempt: Attempt, now: datetime) -> bool:
    """Whether an attempt the provider tells nothing of has had its time."""
    return attempt.provider_session_id is None or now >= attempt.expires_at


def misfit(attempt: Attempt, fact: Fact) -> str:
    """What of a payment is not as it was asked for; empty when it fits."""
    if not fact.payment_id:
        return "no payment is named"
    asked = {"amount": attempt.amount_minor, "currency": attempt.currency,
             "livemode": attempt.livemode}  # fmt: skip
    told = {"amount": fact.amount_minor, "currency": fact.currency.upper(),
            "livemode": fact.livemode}  # fmt: skip
    return ", ".join(name for name in asked if asked[name] != told[name])
