"""Pure rules of disputes: which news counts, what it means to the ledger, what staff read."""

from __future__ import annotations

from datetime import UTC, datetime

from babel.dates import format_datetime

from crm.core import money
from crm.payments.rules import Leg, Scope

# Both ends are last words: nothing climbs over them.
RANKS = {"needs_response": 0, "under_review": 1, "won": 2, "lost": 2}
ENDS = ("won", "lost")


def climbs(before: str, after: str) -> bool:
    return RANKS[after] > RANKS[before]


def opened(scope: Scope, amount_minor: int, payment_id: int) -> tuple[Leg, ...]:
    return _legs(scope, "disputed", "card", amount_minor, payment_id)


def won(scope: Scope, amount_minor: int, payment_id: int) -> tuple[Leg, ...]:
    return _legs(scope, "card", "disputed", amount_minor, payment_id)


def lost(scope: Scope, amount_minor: int, payment_id: int) -> tuple[Leg, ...]:
    return _legs(scope, "sales", "disputed", amount_minor, payment_id)


def subject(ref: str, due_at: datetime | None) -> str:
    """What the task is called; staff read English."""
    if due_at is None:
        return f"Dispute {ref}"
    return f"Dispute {ref}: send evidence by {_day(due_at)}"


def told_opened(
    payment_ref: str, amount_minor: int, currency: str, reason: str, due_at: datetime | None
) -> str:
    amount = money.in_words(amount_minor, currency, "en_GB")
    first = f"The customer's bank asks {amount} of payment {payment_ref} back ({reason or 'no reason'})."
    if due_at is None:
        return f"{first} It takes no evidence."
    return f"{first} Send the evidence pack by {_day(due_at)}."


def _day(moment: datetime) -> str:
    return format_datetime(moment, "d MMM y, HH:mm 'UTC'", tzinfo=UTC, locale="en_GB")


def _legs(
    scope: Scope, to: str, out_of: str, amount_minor: int, payment_id: int
) -> tuple[Leg, ...]:
    def leg(account: str, amount: int) -> Leg:
        return Leg(account, amount, scope.repair_id, scope.invoice_id, scope.customer_id,
                   payment_id)  # fmt: skip

    return leg(to, amount_minor), leg(out_of, -amount_minor)
