"""Pure rules of refunds: who must agree, what is the most that can be given back, which legs it has."""

from __future__ import annotations

from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from crm.core import money
from crm.payments.rules import Leg, Scope, legs_of

if TYPE_CHECKING:
    from crm.payments.provider import RefundFact
    from crm.payments.refund_models import Refund

RULES = Path(__file__).parent / "data" / "rules.yaml"


@cache
def alone_minor(currency: str) -> int:
    """What one person may give back of one payment, in the shop's currency."""
    told = yaml.safe_load(RULES.read_text())["second_person_above"]
    return int(Decimal(told).scaleb(money.digits(currency)))


def needs_second(so_far_minor: int, currency: str, shop_currency: str) -> bool:
    """so_far_minor: given back of the payment with this refund, so that small ones add up too."""
    return currency != shop_currency or so_far_minor > alone_minor(shop_currency)


def most(left_minor: int, held_minor: int, credited_minor: int = 0, open_minor: int = 0) -> int:
    """What of a payment can be given back.

    left_minor: of the payment after its other refunds. credited_minor: of the credit note that comes
    first; it takes off what is still open of its invoice before anything is held.
    """
    return max(0, min(left_minor, held_minor + max(0, credited_minor - open_minor)))


def promised(scope: Scope, amount_minor: int, payment_id: int) -> tuple[Leg, ...]:
    """Taken out of what is held, so that nothing else is paid with it."""
    return scope.held(amount_minor, payment_id), _leg(scope, "refunding", -amount_minor, payment_id)


def gone(scope: Scope, method: str, amount_minor: int, payment_id: int) -> tuple[Leg, ...]:
    """What was promised has left."""
    return (
        _leg(scope, "refunding", amount_minor, payment_id),
        _leg(scope, method, -amount_minor, payment_id),
    )


def paid_out(
    scope: Scope, method: str, amount_minor: int, payment_id: int, uncovered_minor: int = 0
) -> tuple[Leg, ...]:
    """Left at once. uncovered_minor: what of it was not held; it stays in `refunding`."""
    return legs_of(
        scope.held(amount_minor - uncovered_minor, payment_id),
        _leg(scope, "refunding", uncovered_minor, payment_id),
        _leg(scope, method, -amount_minor, payment_id),
    )


def covered(scope: Scope, amount_minor: int, payment_id: int) -> tuple[Leg, ...]:
    """A credit note made good what had left without being held."""
    return promised(scope, amount_minor, payment_id)


def back(legs: tuple[Leg, ...]) -> tuple[Leg, ...]:
    """The reverse."""
    return tuple(
        Leg(leg.account, -leg.amount_minor, leg.repair_id, leg.invoice_id, leg.customer_id,
            leg.payment_id)
        for leg in legs
    )  # fmt: skip


def misfit(refund: Refund, fact: RefundFact) -> str:
    """What of a reported refund is not as it was asked for; empty when it fits."""
    asked = {"amount": refund.amount_minor, "currency": refund.currency}
    told = {"amount": fact.amount_minor, "currency": fact.currency.upper()}
    return ", ".join(name for name in asked if asked[name] != told[name])


def _leg(scope: Scope, account: str, amount_minor: int, payment_id: int) -> Leg:
    return Leg(account, amount_minor, scope.repair_id, scope.invoice_id, scope.customer_id,
               payment_id)  # fmt: skip
