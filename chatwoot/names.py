"""Every name the service writes into Chatwoot: contact and conversation attributes, labels.

The one truth for `provision` (which defines them there), for the context sync (which fills them)
and for the clean-up of labels. A name that is not on these lists belongs to the shop and is
never changed or removed. What the attributes hold is decided where a context is computed.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from crm.repairs.statuses import RepairStatus


@dataclass(frozen=True)
class Attribute:
    """One custom attribute definition, in Chatwoot's words (api.md 6.5).

    display_type: text, number, link, date or list. `currency` is avoided on purpose: it shows a
    bare number and cannot be filtered, whereas a formatted amount ("£45.00") can go straight
    into a canned response and be filtered by "is present".
    values: the choices of a list.
    """

    display_name: str
    display_type: str
    description: str
    values: tuple[str, ...] = ()


CONTACT_ATTRIBUTES: dict[str, Attribute] = {
    "repair_ref": Attribute("Repair", "text", "Reference of the repair that needs attention first"),
    "repair_status": Attribute(
        "Repair status", "list", "Stage that repair is in", tuple(s.value for s in RepairStatus)
    ),
    "repair_device": Attribute("Device", "text", "Device being repaired"),
    "repair_eta": Attribute("Ready by", "date", "Day the repair is expected to be ready"),
    "repair_link": Attribute("Tracking link", "link", "Page where the customer follows the repair"),
    "quote_due": Attribute(
        "Quote to approve", "text", "Total of the quote waiting for an answer, with currency"
    ),
    "balance_due": Attribute("Balance due", "text", "Amount still to be paid, with currency"),
    "open_repairs": Attribute("Open repairs", "number", "Repairs not yet delivered"),
    "repairs_total": Attribute("Repairs in total", "number", "All repairs of this customer"),
    "last_repair_on": Attribute("Last repair", "date", "Day the latest repair was received"),
    "preferred_language": Attribute("Language", "text", "Language tag for messages, such as en"),
    "bridge_customer_id": Attribute("Customer number", "text", "Customer number in the CRM"),
}

CONVERSATION_ATTRIBUTES: dict[str, Attribute] = {
    "repair_refs": Attribute("Repairs", "text", "References of the repairs talked about here"),
    "ticket_ref": Attribute("Ticket", "text", "Ticket that keeps this conversation"),
    "booking_ref": Attribute("Booking", "text", "Booking made from this conversation"),
}

QUOTE_WAITING = "quote-waiting"
PAYMENT_DUE = "payment-due"
AI_HANDLED = "ai-handled"
NEEDS_HUMAN = "needs-human"

FIXED_LABELS: dict[str, str] = {
    QUOTE_WAITING: "A quote waits for the customer's answer",
    PAYMENT_DUE: "Money is owed on a finished repair",
    AI_HANDLED: "Answered by the assistant",
    NEEDS_HUMAN: "A person has to answer",
}


def status_label(status: RepairStatus) -> str:
    """The label a conversation carries while its repair is in this status."""
    return f"repair-{status}"


STATUS_OF_LABEL: dict[str, RepairStatus] = {status_label(status): status for status in RepairStatus}


def status_labels(labels: Iterable[str]) -> list[str]:
    """Those of `labels` that stand for a status, in a fixed order."""
    return sorted(label for label in labels if label in STATUS_OF_LABEL)
