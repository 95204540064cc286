"""What agents see beside a conversation: flat, typed attributes and labels (names in `names.py`).

Pure: from repairs, customer, ticket and what is open to the values Chatwoot should hold.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from chatwoot.names import PAYMENT_DUE, QUOTE_WAITING, STATUS_OF_LABEL, status_label
from crm.billing.standing import Open
from crm.bookings.models import Booking
from crm.core.shop import Shop
from crm.customers.models import Customer
from crm.repairs.models import Repair
from crm.repairs.statuses import RepairStatus
from crm.threads import is_open
from crm.tickets.models import Ticket

MOST_REFS = 10


def foremost(repairs: Sequence[Repair]) -> Repair | None:
    """The repair to speak of first: what can be collected, else the open one that moved last."""
    open_repairs = [repair for repair in repairs if is_open(repair)]
    return max(
        open_repairs or repairs,
        key=lambda r: (r.status == RepairStatus.READY_PICKUP and is_open(r), r.status_at, r.id),
        default=None,
    )


def contact_attributes(
    shop: Shop, customer: Customer, repairs: Sequence[Repair], still_open: Open
) -> dict[str, Any]:
    """Attribute -> value; None where there is nothing to show, so that it is removed."""
    first = foremost(repairs)
    latest = max((repair.received_at for repair in repairs), default=None)
    return {
        "bridge_customer_id": customer.ref,
        "preferred_language": customer.locale,
        "open_repairs": sum(is_open(repair) for repair in repairs),
        "repairs_total": len(repairs),
        "last_repair_on": latest.astimezone(shop.timezone).date().isoformat() if latest else None,
        "repair_ref": first.ref if first else None,
        "repair_status": first.status if first else None,
        "repair_device": first.device or None if first else None,
        "repair_eta": first.estimated_on.isoformat() if first and first.estimated_on else None,
        "repair_link": shop.links.track(first.id, first.received_at) if first else None,
        "quote_due": still_open.quote_due,
        "balance_due": still_open.balance_due,
    }


def conversation_attributes(
    ticket: Ticket, repairs: Sequence[Repair], booking: Booking | None = None
) -> dict[str, Any]:
    refs = [repair.ref for repair in repairs[:MOST_REFS]]
    return {
        "ticket_ref": ticket.ref,
        "repair_refs": ", ".join(refs) or None,
        "booking_ref": booking.ref if booking else None,
    }


def merged_attributes(present: dict[str, Any], ours: dict[str, Any]) -> dict[str, Any]:
    """The whole set to write: theirs untouched, ours replaced, empty ones left out."""
    kept = {key: value for key, value in present.items() if key not in ours}
    return kept | {key: value for key, value in ours.items() if value is not None}


def merged_labels(present: Sequence[str], repairs: Sequence[Repair], still_open: Open) -> list[str]:
    """The whole list to write: status labels of the open repairs, or of the latest one, and what
    waits for the customer."""
    first = foremost(repairs)
    shown = [repair for repair in repairs if is_open(repair)] or ([first] if first else [])
    wanted = sorted({status_label(RepairStatus(repair.status)) for repair in shown})
    waits = {QUOTE_WAITING: still_open.quote_due, PAYMENT_DUE: still_open.balance_due}
    kept = [label for label in present if label not in STATUS_OF_LABEL and label not in waits]
    return kept + wanted + [label for label, due in waits.items() if due]
