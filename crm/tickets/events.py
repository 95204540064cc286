"""News about tickets and their conversations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from crm.core.events import Event


@dataclass(frozen=True)
class TicketEvent(Event):
    subject_kind: ClassVar[str] = "ticket"


@dataclass(frozen=True)
class TicketOpened(TicketEvent):
    kind: ClassVar[str] = "ticket.opened"


@dataclass(frozen=True)
class TicketStatusChanged(TicketEvent):
    kind: ClassVar[str] = "ticket.status_changed"
    before: str
    after: str


@dataclass(frozen=True)
class TicketAssigned(TicketEvent):
    kind: ClassVar[str] = "ticket.assigned"
    assignee: str | None


@dataclass(frozen=True)
class TicketRated(TicketEvent):
    kind: ClassVar[str] = "ticket.rated"
    rating: int


@dataclass(frozen=True)
class MessageReceived(TicketEvent):
    """A message entered the thread, from whichever side."""

    kind: ClassVar[str] = "ticket.message_received"
    message_id: int
    author_kind: str
    private: bool


@dataclass(frozen=True)
class CustomerWrote(TicketEvent):
    """A customer wrote on one of our pages; agents have not seen it yet."""

    kind: ClassVar[str] = "ticket.customer_wrote"
    message_id: int
    repair_id: int


@dataclass(frozen=True)
class CustomerTexted(TicketEvent):
    """A customer wrote by SMS or WhatsApp past Chatwoot; agents have not seen it yet."""

    kind: ClassVar[str] = "ticket.customer_texted"
    message_id: int


@dataclass(frozen=True)
class ConversationAssigned(TicketEvent):
    """A conversation was given to an agent. agent_id: the sender's number for them."""

    kind: ClassVar[str] = "ticket.conversation_assigned"
    conversation_id: int
    agent_id: int


@dataclass(frozen=True)
class ConversationBound(TicketEvent):
    """A conversation became part of a ticket, or turned out to be another customer's."""

    kind: ClassVar[str] = "ticket.conversation_bound"
    conversation_id: int
