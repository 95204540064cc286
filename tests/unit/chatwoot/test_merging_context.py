"""Writing whole sets without touching what others put there."""

from datetime import UTC, datetime

from chatwoot.context import foremost, merged_attributes, merged_labels
from crm.billing.standing import Open
from crm.repairs.models import Repair


def _repair(number, status, day=1, flags=()):
    return Repair(
        id=number, status=status, status_at=datetime(2026, 5, day, tzinfo=UTC), flags=list(flags)
    )


def test_attributes_of_others_stay():
    present = {"booth": "B7", "ticket_ref": "TKT-000009", "repair_refs": "RPR-old"}
    ours = {"ticket_ref": "TKT-000001", "repair_refs": None}
    assert merged_attributes(present, ours) == {"booth": "B7", "ticket_ref": "TKT-000001"}


def test_only_status_labels_are_ours_to_remove():
    repairs = [_repair(1, "testing"), _repair(2, "delivered"), _repair(3, "testing")]
    present = ["vip", "repair-received", "needs-human", "repair-shoes"]
    assert merged_labels(present, repairs, Open()) == [
        "vip",
        "needs-human",
        "repair-shoes",
        "repair-testing",
    ]
    assert merged_labels(["vip"], [], Open()) == ["vip"]
    assert merged_labels([], [_repair(2, "delivered")], Open()) == ["repair-delivered"]


def test_labels_of_what_waits_come_and_go():
    owed = Open(quote_due="£150.00", balance_due="£80.00")
    assert merged_labels(["vip"], [], owed) == ["vip", "quote-waiting", "payment-due"]
    present = ["quote-waiting", "vip", "payment-due"]
    assert merged_labels(present, [], Open(balance_due="£80.00")) == ["vip", "payment-due"]


def test_what_can_be_collected_comes_first():
    ready, later = _repair(1, "ready_pickup"), _repair(2, "testing", 9)
    assert foremost([later, ready]) is ready
    assert foremost([_repair(3, "ready_pickup", flags=["cancelled"]), later]) is later
    assert foremost([]) is None
