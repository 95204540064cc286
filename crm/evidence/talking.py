"""The section of a pack with what was said: public messages of the repair's threads, codes masked."""

from __future__ import annotations

from functools import partial

from sqlalchemy import select

from crm.core.shop import Shop
from crm.core.uow import UnitOfWork
from crm.evidence import masking
from crm.evidence.pages import Facts, Section, Table
from crm.repairs import queries as repairs
from crm.repairs.models import Repair
from crm.repairs.statuses import RepairStatus
from crm.tickets.models import Ticket, TicketMessage

MOST_MESSAGES = 2000
LONGEST_MESSAGE = 5000


def messages(uow: UnitOfWork, shop: Shop, repair: Repair, when: partial) -> Section:
    """The newest 2,000, oldest first."""
    query = (
        select(TicketMessage, Ticket.ref)
        .join(Ticket, Ticket.id == TicketMessage.ticket_id)
        .where(
            TicketMessage.ticket_id.in_(repairs.ticket_ids(uow, repair.id)),
            TicketMessage.private.is_(False),
            TicketMessage.deleted_at.is_(None),
        )
        .order_by(TicketMessage.created_at.desc(), TicketMessage.id.desc())
        .limit(MOST_MESSAGES + 1)
    )
    found = uow.session.execute(query).all()
    codes = []
    if repair.status == RepairStatus.READY_PICKUP:
        # Whoever reads it could collect the device.
        codes = shop.links.collection_codes(repair.id, repair.status_at)
    rows = [
        (when(one.created_at), one.author_kind, one.author_name, _words(one, codes), ticket)
        for one, ticket in reversed(found[:MOST_MESSAGES])
    ]
    if not rows:
        return Section("messages", "Messages", ())
    blocks = [Table("What was said", ("When", "Who", "Name", "Message", "Thread"), rows)]
    if len(found) > MOST_MESSAGES:
        blocks.insert(0, Facts("Left out", [("Earlier messages", f"all but {MOST_MESSAGES}")]))
    return Section("messages", "Messages", tuple(blocks))


def _words(message: TicketMessage, codes: list[str]) -> str:
    words = masking.hide(message.body)
    for code in codes:
        words = words.replace(code, masking.MASK)
    if len(words) > LONGEST_MESSAGE:
        words = f"{words[:LONGEST_MESSAGE]}… (cut)"
    names = ", ".join(str(one.get("name") or one.get("kind")) for one in message.attachments)
    return f"{words} [attached: {names}]" if names else words
