"""News about what a customer means: which repair, and whether they want messages at all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from crm.customers.events import CustomerEvent
from crm.tickets.events import TicketEvent


@dataclass(frozen=True)
class RepairChosen(TicketEvent):
    """The customer answered that question. count: messages that had waited for it."""

    kind: ClassVar[str] = "ticket.repair_chosen"
    question_id: int
    count: int


@dataclass(frozen=True)
class StrangersRepairNamed(TicketEvent):
    """A mail is about a repair whose customer is not known to have written it."""

    kind: ClassVar[str] = "ticket.strangers_repair_named"
    message_id: int
    repair_id: int


@dataclass(frozen=True)
class WishHeard(CustomerEvent):
    """They wrote from a telephone that they want no messages there, or again. wish: `stop`, `start`.

    in_doubt: the word may have been about a booking, but the carrier has taken it for a stop.
    """

    kind: ClassVar[str] = "customer.wish_heard"
    message_id: int
    wish: str
    in_doubt: bool = False
