"""News about which repair a customer means."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

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
