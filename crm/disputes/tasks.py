"""The task a dispute is: an urgent ticket of the repair's customer, with private messages alone."""

from __future__ import annotations

from datetime import datetime

from crm.core.errors import Conflict
from crm.core.events import Actor
from crm.core.uow import UnitOfWork
from crm.disputes import rules
from crm.disputes.models import Dispute
from crm.payments.models import Payment
from crm.repairs import links
from crm.repairs.models import Repair
from crm.tickets import service as tickets
from crm.tickets.models import AuthorKind, Priority, Ticket, TicketStatus
from crm.tickets.rules import SETTLED


def open_task(uow: UnitOfWork, dispute: Dispute, payment: Payment, actor: Actor) -> None:
    """Nobody's payment has no thread to put it in: the list of disputes shows it."""
    repair = uow.session.get(Repair, payment.repair_id) if payment.repair_id else None
    customer_id = (repair.customer_id if repair else None) or payment.customer_id
    if customer_id is None:
        return
    ticket = tickets.open_ticket(
        uow,
        customer_id,
        rules.subject(dispute.ref, dispute.due_at),
        source="system",
        actor=actor,
        priority=Priority.URGENT,
    )
    dispute.ticket_id = ticket.id
    if repair is not None:
        links.link(uow, repair, ticket.id, customer_id, actor)
    words = rules.told_opened(
        payment.ref, dispute.amount_minor, dispute.currency, dispute.reason, dispute.due_at
    )
    _say(uow, ticket, words, AuthorKind.SYSTEM, actor)


def tell(uow: UnitOfWork, dispute: Dispute, words: str, actor: Actor) -> None:
    """Something new of the bank, for staff."""
    ticket = _ticket(uow, dispute)
    if ticket is not None:
        _say(uow, ticket, words, AuthorKind.SYSTEM, actor)


def move(uow: UnitOfWork, dispute: Dispute, due_at: datetime, actor: Actor) -> None:
    """The bank set another day."""
    dispute.due_at = due_at
    ticket = _ticket(uow, dispute)
    if ticket is not None:
        ticket.subject = rules.subject(dispute.ref, due_at)
        _say(uow, ticket, ticket.subject, AuthorKind.SYSTEM, actor)


def close(uow: UnitOfWork, dispute: Dispute, actor: Actor) -> None:
    ticket = _ticket(uow, dispute)
    if ticket is None:
        return
    ending = "The money stays with us." if dispute.state == "won" else "The bank took the money."
    _say(uow, ticket, f"Dispute {dispute.state}. {ending}", AuthorKind.SYSTEM, actor)
    if ticket.status not in SETTLED:
        tickets.set_status(uow, ticket, TicketStatus.RESOLVED, actor)


def note(uow: UnitOfWork, dispute: Dispute, words: str, actor: Actor) -> None:
    """A person's private note. Raises Conflict (`no-thread`: the payment is nobody's)."""
    ticket = _ticket(uow, dispute)
    if ticket is None:
        raise Conflict("this dispute belongs to nobody's thread", code="no-thread")
    _say(uow, ticket, words, AuthorKind.AGENT, actor)


def _ticket(uow: UnitOfWork, dispute: Dispute) -> Ticket | None:
    return uow.session.get(Ticket, dispute.ticket_id) if dispute.ticket_id else None


def _say(uow: UnitOfWork, ticket: Ticket, words: str, author: AuthorKind, actor: Actor) -> None:
    tickets.add_message(uow, ticket.ref, words, author_kind=author, private=True, actor=actor)
