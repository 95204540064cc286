"""The money side of the service beside a stand-in Stripe, worked off in the test's own thread.

What a customer, a bank or Stripe does is played on `stripe.books` and `stripe.courier`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from flask.testing import FlaskClient
from sqlalchemy import text

import app as composition
from crm.core import clock
from crm.core.events import SYSTEM
from crm.core.money import Line
from crm.core.uow import Units
from crm.invoices import service as invoices
from crm.invoices.service import NewInvoice
from crm.payments import attempts, checkout
from crm.payments.checkout import Page
from crm.payments.models import Attempt
from crm.payments.provider import Provider
from crm.repairs.models import Repair
from jobs.rows import Rows
from tests import builders
from tests.standins.stripe.running import StandIn

PAGE = Page(
    "iPhone 13 · screen", "https://quay.example/pay/t?back=1", "https://quay.example/pay/t", "en"
)
LATER = timedelta(minutes=5)


@dataclass
class Till:
    """parts: the composed service. http: its edge."""

    parts: composition.Mendline
    stripe: StandIn
    http: FlaskClient

    def __post_init__(self) -> None:
        self.units: Units = self.parts.units
        self.provider: Provider = self.parts.payments
        self.rows: Rows = self.parts.rows()
        self.stripe.courier.post = self.post
        self.stripe.courier.url = "http://localhost/webhooks/stripe"

    # -- in

    def post(self, url: str, body: bytes, headers: dict[str, str]) -> int:
        return self.http.post(urlsplit(url).path, data=body, headers=headers).status_code

    def repair(self) -> Repair:
        with self.units() as uow:
            return builders.repair(uow, builders.customer(uow).id, currency="GBP")

    def begin(self, repair: Repair, amount: int = 4500, purpose: str = "deposit") -> Attempt:
        with self.units() as uow:
            return attempts.begin(
                uow, repair.id, purpose, amount, "GBP", None, None, self.provider
            )  # fmt: skip

    def open(self, repair: Repair, amount: int = 4500, purpose: str = "deposit") -> Attempt:
        """An attempt whose page is open."""
        attempt = self.begin(repair, amount, purpose)
        return checkout.open_page(self.units, self.provider, attempt.id, PAGE)

    def invoice(self, repair: Repair, amount: int) -> None:
        line = Line("Screen", amount, "standard", 2000)
        new = NewInvoice((line,), "GBP", "en", repair_id=repair.id)
        with self.units() as uow:
            invoices.issue(uow, self.parts.shop, new, SYSTEM)

    # -- working

    def hear(self) -> list[int]:
        """Stripe posts what waits, and all that follows is done. Its answers."""
        answers = self.stripe.courier.deliver()
        self.work()
        return answers

    def work(self) -> None:
        """Until nothing is due."""
        while True:
            inbox, outbox = self._due("inbox", "pending"), self._due("outbox", "pending', 'unsure")
            if not inbox and not outbox:
                return
            self.rows.work(inbox, outbox)

    def hasten(self) -> None:
        """What waits for a later moment is due now, and leases have run out; then work."""
        with self.units() as uow:
            for statement in (
                "UPDATE inbox SET due_at = clock_timestamp() WHERE state = 'pending'",
                "UPDATE outbox SET due_at = clock_timestamp() WHERE state IN ('pending', 'unsure')",
                "DELETE FROM destinations",
            ):
                uow.session.execute(text(statement))
        self.work()

    def duty(self, name: str) -> Any:
        return next(one for one in self.parts.schedules() if one.name == name).run()

    def age(self, minutes: int) -> None:
        """Attempts were begun so much earlier."""
        with self.units() as uow:
            uow.session.execute(
                text("UPDATE payment_attempts SET created_at = created_at - :by, asked_at = NULL"),
                {"by": timedelta(minutes=minutes)},
            )

    def _due(self, table: str, states: str) -> list[int]:
        return self.column(
            f"SELECT id FROM {table} WHERE state IN ('{states}') "
            "AND due_at <= clock_timestamp() ORDER BY id"
        )

    # -- looking

    def table(self, query: str, **values: Any) -> list[tuple]:
        with self.units() as uow:
            return [tuple(row) for row in uow.session.execute(text(query), values)]

    def column(self, query: str, **values: Any) -> list[Any]:
        return [row[0] for row in self.table(query, **values)]

    def one(self, query: str, **values: Any) -> Any:
        (value,) = self.column(query, **values)
        return value

    def account(self, name: str) -> int:
        """The balance of an account of our ledger."""
        return int(self.one(
            "SELECT coalesce(sum(amount_minor), 0) FROM ledger_entries WHERE account = :name",
            name=name,
        ))  # fmt: skip

    def state(self, attempt: Attempt) -> str:
        return self.one("SELECT state FROM payment_attempts WHERE id = :id", id=attempt.id)

    def payments(self) -> list[tuple]:
        """(amount, fee, provider's id), oldest first."""
        return self.table(
            "SELECT amount_minor, fee_minor, provider_payment_id FROM payments ORDER BY id"
        )

    def unfinished(self) -> list[tuple]:
        return self.table(
            "SELECT 'inbox', type, state, reason FROM inbox WHERE state NOT IN ('done', 'ignored') "
            "UNION ALL SELECT 'outbox', kind, state, reason FROM outbox "
            "WHERE state NOT IN ('done', 'cancelled') AND kind LIKE 'stripe%'"
        )

    def later(self) -> Any:
        """A clock that is a little ahead: what happened just now lies in its past."""
        return clock.now() + LATER
