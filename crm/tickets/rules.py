"""Pure rules: how a conversation's status moves its ticket."""

from __future__ import annotations

from crm.tickets.models import TicketStatus

_MIRROR = {
    "open": TicketStatus.OPEN,
    "pending": TicketStatus.OPEN,
    "snoozed": TicketStatus.WAITING_RESPONSE,
    "resolved": TicketStatus.RESOLVED,
}
SETTLED = (TicketStatus.RESOLVED, TicketStatus.CLOSED)


def mirrored(conversation_status: str, *, answered: bool) -> TicketStatus | None:
    """The ticket status for a conversation status, None for one we do not know.

    answered: a person has replied before, so an open thread is work in progress.
    """
    status = _MIRROR.get(conversation_status)
    if status is TicketStatus.OPEN and answered:
        return TicketStatus.IN_PROGRESS
    return status


def agree(status: str, mirrored_status: TicketStatus) -> bool:
    """Whether a ticket need not follow its conversation, being there already.

    Staff tell apart what Chatwoot has one word for: closed is resolved there, in progress open.
    """
    groups = (SETTLED, (TicketStatus.OPEN, TicketStatus.IN_PROGRESS))
    return any(status in group and mirrored_status in group for group in groups)


def after_message(status: str, author_kind: str) -> TicketStatus | None:
    """The ticket status after a public message, None to leave it.

    Resolving and reopening follow the conversation's own status, never a message.
    """
    if status in SETTLED:
        return None
    if author_kind == "agent":
        return TicketStatus.WAITING_RESPONSE
    if author_kind == "customer" and status == TicketStatus.WAITING_RESPONSE:
        return TicketStatus.IN_PROGRESS
    return None
