"""What finished work and moving money cause: invoices, receipts, messages and notes."""

from __future__ import annotations

from datetime import datetime

from crm.billing import standing
from crm.billing.quoting import Quoting
from crm.billing.telling import Teller
from crm.core.events import Actor
from crm.core.money import Line
from crm.core.shop import Shop
from crm.core.uow import Reactions, UnitOfWork
from crm.disputes.events import DisputeClosed, DisputeEvent, DisputeOpened
from crm.disputes.models import Dispute
from crm.invoices import queries as invoices
from crm.invoices import service as invoicing
from crm.invoices import taxes
from crm.invoices.events import InvoiceIssued
from crm.invoices.models import Invoice
from crm.invoices.service import NewInvoice, PaidFacts
from crm.payments import posting
from crm.payments import queries as payments
from crm.payments.events import (
    PaymentFailed,
    PaymentMismatched,
    PaymentReceived,
    RefundDone,
    RefundFailed,
    RefundRequested,
)
from crm.payments.models import Attempt, Payment
from crm.quotes import queries as quotes
from crm.repairs import service as repairs
from crm.repairs.events import RepairStatusChanged
from crm.repairs.models import Repair
from crm.repairs.service import Address
from crm.repairs.statuses import GIVEN_UP, RepairStatus


class Collecting:
    def __init__(self, shop: Shop):
        self._shop = shop
        self._teller = Teller(shop)
        self._quoting = Quoting(shop)

    def table(self) -> Reactions:
        """Without `invoice_finished`, which has to come before the customer is told."""
        return {
            InvoiceIssued: (self.send_invoice,),
            PaymentReceived: (self.paid,),
            PaymentFailed: (self.not_paid,),
            PaymentMismatched: (self.not_paid,),
            RefundRequested: (self.refund_waits,),
            RefundDone: (self.refunded,),
            RefundFailed: (self.not_refunded,),
            DisputeOpened: (self.disputed,),
            DisputeClosed: (self.dispute_ended,),
        }

    def invoice_finished(self, uow: UnitOfWork, event: RepairStatusChanged) -> None:
        """Work the customer approved here, or paid towards, is invoiced when it is ready.

        Other repairs are billed where the shop bills them: an estimate alone makes no invoice, and
        what is to be paid for work that was given up is for staff to say.
        """
        repair = uow.session.get_one(Repair, event.subject_id)
        if RepairStatus(event.after).rank < RepairStatus.READY_PICKUP.rank:
            return
        approved = quotes.approved(uow, repair.id)
        if issued := invoices.of_repair(uow, repair.id):
            if approved is not None and approved.at > issued[-1].issued_at:
                told = f"{approved.ref} was approved after the invoice {issued[-1].number}"
                self._note(uow, repair, event.actor, "invoice_by_hand", told)
            return
        if GIVEN_UP.intersection(repair.flags):
            if approved or payments.standing(uow, repair.id).held_minor:
                told = "the work was given up"
                self._note(uow, repair, event.actor, "invoice_by_hand", told)
            return
        lines, currency = self._lines(uow, repair, approved)
        if lines:
            invoice = invoicing.issue(
                uow,
                self._shop,
                NewInvoice(
                    lines=lines,
                    currency=currency,
                    locale=self._teller.locale(uow, repair.customer_id),
                    repair_id=repair.id,
                    customer_id=repair.customer_id,
                ),
                Actor("system", "Mendline"),
            )
            # The message about the status names what is owed: the books have to know it by then.
            uow.session.flush()
            posting.post_invoice(uow, invoice)
        elif payments.standing(uow, repair.id).held_minor:
            self._note(uow, repair, event.actor, "invoice_by_hand", "no price was agreed here")

    def _lines(
        self, uow: UnitOfWork, repair: Repair, approved: quotes.Approved | None
    ) -> tuple[tuple[Line, ...], str]:
        if approved is not None:
            return approved.lines, approved.currency
        if repair.estimate_minor and payments.standing(uow, repair.id).held_minor:
            code = taxes.default()
            label = repair.device or repair.ref
            line = Line(label, repair.estimate_minor, code, taxes.rate(code))
            return (line,), repair.currency
        return (), repair.currency

    def send_invoice(self, uow: UnitOfWork, event: InvoiceIssued) -> None:
        """One that a person issued; one that comes with a status is told of with it."""
        if event.actor.kind == "system":
            return
        invoice = uow.session.get_one(Invoice, event.subject_id)
        repair = self._repair(uow, event.repair_id)
        locale = self._teller.locale(uow, event.customer_id)
        owed = standing.of_repair(uow, self._shop, repair, locale) if repair else {}
        values = {
            "number": invoice.number,
            "amount": self._teller.words(invoice.total_minor, invoice.currency, locale),
            "link": self._shop.links.invoice(invoice.id, invoice.issued_at),
            "balance": owed.get("balance"),
            "pay_link": owed.get("pay_link"),
        }
        self._teller.tell(
            uow, f"invoice:{invoice.id}", "invoice", event.actor, repair=repair,
            customer_id=event.customer_id, values=values,
        )  # fmt: skip

    def paid(self, uow: UnitOfWork, event: PaymentReceived) -> None:
        payment = uow.session.get_one(Payment, event.subject_id)
        repair = self._repair(uow, event.repair_id)
        locale = self._teller.locale(uow, event.customer_id)
        facts = PaidFacts(
            payment.id, payment.ref, payment.amount_minor, payment.currency, payment.method,
            payment.repair_id, payment.customer_id, payment.received_at,
        )  # fmt: skip
        receipt = invoicing.receipt(uow, self._shop, facts, locale, event.actor)
        owed = standing.of_repair(uow, self._shop, repair, locale) if repair else {}
        values = {
            "amount": self._teller.words(payment.amount_minor, payment.currency, locale),
            "link": self._shop.links.invoice(receipt.id, receipt.issued_at),
            "balance": owed.get("balance"),
            "pay_link": owed.get("pay_link"),
        }
        self._teller.tell(
            uow, f"payment:{payment.id}", "payment_received", event.actor, repair=repair,
            customer_id=event.customer_id, values=values,
        )  # fmt: skip
        if repair is not None:
            amount = self._teller.for_staff(payment.amount_minor, payment.currency)
            self._note(
                uow, repair, event.actor, "paid", f"{payment.ref}: {amount}, {payment.method}"
            )
            self._quoting.deposit_paid(uow, repair, event.actor)

    def not_paid(self, uow: UnitOfWork, event: PaymentFailed | PaymentMismatched) -> None:
        attempt = uow.session.get_one(Attempt, event.subject_id)
        told = f"{attempt.ref}: {event.reason}"
        if isinstance(event, PaymentMismatched):
            told += ". Nothing was booked; look it up at the provider"
        self._note(uow, self._repair(uow, event.repair_id), event.actor, "payment_failed", told)

    def refund_waits(self, uow: UnitOfWork, event: RefundRequested) -> None:
        """Nobody else would look for it."""
        if event.needs_second:
            amount = self._teller.for_staff(event.amount_minor, event.currency)
            repair = self._repair(uow, event.repair_id)
            self._note(
                uow, repair, event.actor, "refund_waits", f"{amount}: another manager agrees"
            )

    def refunded(self, uow: UnitOfWork, event: RefundDone) -> None:
        payment = uow.session.get_one(Payment, event.subject_id)
        repair = self._repair(uow, event.repair_id)
        locale = self._teller.locale(uow, payment.customer_id)
        values = {
            "amount": self._teller.words(event.amount_minor, event.currency, locale),
            "method": event.method,
        }
        self._teller.tell(
            uow, f"refund:{event.refund_id}", "refund", event.actor, repair=repair,
            customer_id=payment.customer_id, values=values,
        )  # fmt: skip
        amount = self._teller.for_staff(event.amount_minor, event.currency)
        told = f"{amount} of {payment.ref}, {event.method}"
        self._note(uow, repair, event.actor, "refunded", told)

    def not_refunded(self, uow: UnitOfWork, event: RefundFailed) -> None:
        amount = self._teller.for_staff(event.amount_minor, event.currency)
        told = f"{amount} could not be given back: {event.reason}. It is held again"
        self._note(uow, self._repair(uow, event.repair_id), event.actor, "refund_failed", told)

    def disputed(self, uow: UnitOfWork, event: DisputeOpened) -> None:
        told = f"{self._dispute(uow, event)}: {event.reason}"
        if event.due_at:
            day = datetime.fromisoformat(event.due_at).astimezone(self._shop.timezone).date()
            told += f". Answer the bank by {day.isoformat()}"
        ref = uow.session.get_one(Dispute, event.subject_id).ref
        told += f". Evidence: {self._shop.links.public_url}/api/v1/disputes/{ref}/evidence.zip"
        self._note(uow, self._repair(uow, event.repair_id), event.actor, "disputed", told)

    def dispute_ended(self, uow: UnitOfWork, event: DisputeClosed) -> None:
        told = f"{self._dispute(uow, event)}: {'won' if event.won else 'lost'}"
        self._note(uow, self._repair(uow, event.repair_id), event.actor, "dispute_ended", told)

    def _dispute(self, uow: UnitOfWork, event: DisputeEvent) -> str:
        amount = self._teller.for_staff(event.amount_minor, event.currency)
        return f"{uow.session.get_one(Dispute, event.subject_id).ref}, {amount}"

    def _repair(self, uow: UnitOfWork, repair_id: int | None) -> Repair | None:
        return uow.session.get_one(Repair, repair_id) if repair_id is not None else None

    def _note(
        self, uow: UnitOfWork, repair: Repair | None, actor: Actor, outcome: str, told: str
    ) -> None:
        if repair is not None:
            repairs.note(uow, Address(ref=repair.ref), actor, outcome=outcome, internal_note=told)
