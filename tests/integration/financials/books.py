"""Books kept by the real services, in units that post to the ledger: what the tests' shop does."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from sqlalchemy import text

from crm.core import clock
from crm.core.events import Actor
from crm.core.money import Line
from crm.core.uow import UnitOfWork, Units
from crm.customers.models import Customer
from crm.disputes import service as disputes
from crm.disputes.models import Dispute
from crm.expenses import service as expenses
from crm.expenses.service import NewExpense
from crm.invoices import service as invoices
from crm.invoices.models import Invoice
from crm.invoices.service import Credited, NewInvoice
from crm.payments import attempts, posting, refunds, settling
from crm.payments import service as payments
from crm.payments.models import Payment
from crm.payments.provider import DisputeFact, Fact
from crm.payments.refund_models import Refund
from crm.payments.refunds import NewRefund
from crm.payments.service import NewPayment
from crm.repairs.models import Repair
from tests import builders
from tests.provider import FakeProvider
from tests.service import Service

TODAY = date(2024, 11, 21)


def line(label: str = "Screen", gross: int = 12000, tax: str = "standard", bp: int = 2000) -> Line:
    return Line(label, gross, tax, bp)


@dataclass
class Books:
    mendline: Service
    numbers: itertools.count = field(default_factory=lambda: itertools.count(1))

    def __post_init__(self):
        self.units = Units(self.mendline.parts.engine, posting.table())
        self.shop = self.mendline.parts.shop

    def customer(self, **fields: Any) -> Customer:
        with self.units() as uow:
            return builders.customer(uow, **fields)

    def repair(self, customer: Customer | None = None, currency: str = "GBP") -> Repair:
        with self.units() as uow:
            return builders.repair(uow, customer.id if customer else None, currency=currency)

    def invoice(
        self,
        repair: Repair | None,
        *lines: Line,
        currency: str = "GBP",
        customer: Customer | None = None,
    ) -> Invoice:
        new = NewInvoice(
            lines or (line(),),
            currency,
            "en",
            repair_id=repair.id if repair else None,
            customer_id=repair.customer_id if repair else customer.id,
        )
        with self.units() as uow:
            return invoices.issue(uow, self.shop, new, builders.STAFF)

    def credit(self, invoice: Invoice, position: int, amount: int) -> Invoice:
        with self.units() as uow:
            given = [Credited(position, amount)]
            return invoices.credit(uow, self.shop, invoice.id, given, "scratched", builders.STAFF)

    def pay(
        self,
        amount: int,
        repair: Repair | None = None,
        method: str = "cash",
        currency: str = "GBP",
        invoice: Invoice | None = None,
    ) -> Payment:
        new = NewPayment(
            method,
            amount,
            currency,
            repair_id=repair.id if repair else None,
            invoice_id=invoice.id if invoice else None,
        )
        with self.units() as uow:
            return payments.take(uow, new, builders.STAFF)

    def card(self, amount: int, repair: Repair, fee: int = 0) -> Payment:
        """A card payment, as the provider proves it."""
        number = next(self.numbers)
        provider = FakeProvider()
        with self.units() as uow:
            attempt = attempts.begin(
                uow, repair.id, "other", amount, repair.currency, None, None, provider
            )
        fact = Fact(
            attempt.ref, None, f"pi_{number}", f"ch_{number}", amount, repair.currency,
            provider.livemode, "paid", fee, clock.now(),
        )  # fmt: skip
        with self.units() as uow:
            return settling.settle(uow, fact)

    def give_back(self, payment: Payment, amount: int) -> Refund:
        """A refund, with a second person's consent where it needs one."""
        new = NewRefund(payment.ref, "changed their mind", amount)
        with self.units() as uow:
            refund = refunds.request(uow, self.shop, new, builders.STAFF)
            if refund.state == "waiting_second":
                refunds.approve(uow, self.shop, refund, Actor("staff", "Bo Lind", "8"))
        return refund

    def lose(self, payment: Payment, amount: int, fee: int = 0) -> Dispute:
        """A dispute the bank decided against the shop."""
        fact = DisputeFact(
            f"dp_{payment.id}", payment.provider_payment_id, None, amount, payment.currency,
            "fraudulent", "lost", None, fee,
        )  # fmt: skip
        with self.units() as uow:
            return disputes.record(uow, fact)

    def spend(
        self,
        gross: int,
        repair: Repair | None = None,
        tax: int = 0,
        currency: str = "GBP",
        customer: Customer | None = None,
        on: date = TODAY,
        **words: str,
    ):
        new = NewExpense(
            **{"kind": "part", "label": "Panel", **words},
            amount_minor=gross,
            tax_minor=tax,
            currency=currency,
            spent_on=on,
            repair_id=repair.id if repair else None,
            customer_id=customer.id if customer else None,
        )
        with self.units() as uow:
            return expenses.add(uow, new, builders.STAFF, today=TODAY)

    def move_to(self, moment: str) -> None:
        """What was booked by this test, and not moved yet, happened then."""
        with self.units() as uow:
            uow.session.execute(text("SET LOCAL session_replication_role = replica"))
            for table, column in _BOOKED:
                fresh = f"{column} > clock_timestamp() - interval '1 hour'"
                uow.session.execute(
                    text(f"UPDATE {table} SET {column} = :moment WHERE {fresh}"), {"moment": moment}
                )


_BOOKED = (("ledger_entries", "at"), ("ledger_transactions", "at"), ("invoices", "issued_at"),
           ("payments", "received_at"))  # fmt: skip


def ledger_sum(uow: UnitOfWork, where: str) -> int:
    return int(uow.session.scalar(
        text(f"SELECT COALESCE(sum(amount_minor), 0) FROM ledger_entries WHERE {where}")
    ))  # fmt: skip
