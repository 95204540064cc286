"""A payment provider in memory: fulfils our port but for refunds, keeps its own books, plays the
customer.

As a real one it gives the same page for the same attempt, and refuses the same attempt with other
words. `cut` breaks a call off before it acts or after, as a killed process would see it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from crm.core.errors import Permanent
from crm.core.uow import refuse_inside_unit
from crm.payments.provider import Fact, Order, Session


class Killed(BaseException):
    """The process is gone; nobody catches this."""


@dataclass
class Paying:
    """One hosted page. state: `open paid processing failed expired`."""

    order: Order
    session: Session
    state: str = "open"
    payment_id: str | None = None


@dataclass
class FakeProvider:
    name: str = "fake"
    livemode: bool = False
    pages: dict[str, Paying] = field(default_factory=dict)
    expired: list[str] = field(default_factory=list)
    charges: list[tuple[str, int]] = field(default_factory=list)
    cut: dict[str, BaseException] = field(default_factory=dict)

    def checkout(self, order: Order) -> Session:
        refuse_inside_unit()
        self._cut("before checkout")
        page = self.pages.get(order.attempt_ref)
        if page is None:
            number = len(self.pages) + 1
            url = f"https://pay.example/{number}"
            page = Paying(order, Session(f"cs_{number}", url, order.expires_at))
            self.pages[order.attempt_ref] = page
        elif page.order != order:
            raise Permanent("the same key with other parameters")
        self._cut("after checkout")
        return page.session

    def expire(self, session_id: str) -> None:
        refuse_inside_unit()
        self._cut("before expire")
        self.expired.append(session_id)
        for page in self.pages.values():
            if page.session.id == session_id and page.state == "open":
                page.state = "expired"

    def find(self, attempt_ref: str) -> Fact | None:
        refuse_inside_unit()
        self._cut("before find")
        page = self.pages.get(attempt_ref)
        return None if page is None or page.state == "open" else self.fact(attempt_ref)

    def pay(self, attempt_ref: str, **told: Any) -> Fact:
        """The customer pays; the money is there from now on. told: what the fact says instead."""
        page = self.pages[attempt_ref]
        page.state = "paid"
        page.payment_id = f"pi_{len(self.charges) + 1}"
        self.charges.append((attempt_ref, page.order.amount_minor))
        return self.fact(attempt_ref, **told)

    def fact(self, attempt_ref: str, **told: Any) -> Fact:
        page = self.pages[attempt_ref]
        words = {
            "attempt_ref": attempt_ref,
            "session_id": page.session.id,
            "payment_id": page.payment_id,
            "charge_id": page.payment_id and page.payment_id.replace("pi", "ch"),
            "amount_minor": page.order.amount_minor,
            "currency": page.order.currency,
            "livemode": self.livemode,
            "state": page.state,
            "fee_minor": None,
            "at": datetime.now(UTC),
        }
        return Fact(**words | told)

    def _cut(self, where: str) -> None:
        fault = self.cut.pop(where, None)
        if fault is not None:
            raise fault
