"""What was chosen in a talk: kept on the messages it holds for, and remembered for those to come."""

from __future__ import annotations

from sqlalchemy import select

from crm.core.events import Actor
from crm.core.uow import UnitOfWork
from crm.repairs.models import Repair
from crm.replies.models import RepairFocus
from crm.replies.rules import MeantBy
from crm.tickets.models import AuthorKind, Conversation, TicketMessage


def choose(
    uow: UnitOfWork, conversation: Conversation, repair: Repair | None, actor: Actor
) -> TicketMessage | None:
    """An agent says what the talk is about; None: no repair. It holds for 7 days.

    The customer's last message is bound anew and returned.
    """
    remember(
        uow,
        conversation.customer_id,
        conversation.id,
        repair.id if repair is not None else None,
        actor,
        by_agent=True,
    )
    last = uow.session.scalars(
        select(TicketMessage)
        .where(
            TicketMessage.ticket_id == conversation.ticket_id,
            TicketMessage.author_kind == AuthorKind.CUSTOMER,
            TicketMessage.private.is_(False),
        )
        .order_by(TicketMessage.created_at.desc(), TicketMessage.id.desc())
        .limit(1)
        .with_for_update()
    ).first()
    if last is not None:
        bind(last, repair, MeantBy.AGENT)
    return last


def remember(
    uow: UnitOfWork,
    customer_id: int,
    conversation_id: int | None,
    repair_id: int | None,
    actor: Actor,
    *,
    by_agent: bool,
) -> None:
    uow.session.add(
        RepairFocus(
            customer_id=customer_id,
            conversation_id=conversation_id,
            repair_id=repair_id,
            by_agent=by_agent,
            chosen_by=actor.name,
            chosen_at=uow.now,
        )
    )


def bind(message: TicketMessage, repair: Repair | None, by: MeantBy) -> None:
    """Write on the message which repair it is about and why; None: about none."""
    details = {name: value for name, value in message.details.items() if name != "repair"}
    if repair is not None:
        details["repair"] = repair.ref
    message.details = details | {"meant_by": by.value}
