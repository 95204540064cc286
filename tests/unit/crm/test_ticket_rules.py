"""How a conversation's status moves its ticket."""

import pytest

from crm.tickets import rules
from crm.tickets.models import TicketStatus


@pytest.mark.parametrize(
    ("conversation", "answered", "ticket"),
    [
        ("open", False, "open"), ("open", True, "in_progress"), ("pending", False, "open"),
        ("snoozed", True, "waiting_response"), ("resolved", True, "resolved"),
        ("quarantined", True, None),
    ],
)  # fmt: skip
def test_mirrored(conversation, answered, ticket):
    assert rules.mirrored(conversation, answered=answered) == ticket


@pytest.mark.parametrize(
    ("ticket", "mirrored", "agree"),
    [
        ("closed", "resolved", True), ("in_progress", "open", True), ("open", "in_progress", True),
        ("waiting_response", "open", False), ("open", "resolved", False), ("closed", "open", False),
    ],
)  # fmt: skip
def test_finer_words_of_staff_stay(ticket, mirrored, agree):
    assert rules.agree(ticket, TicketStatus(mirrored)) is agree
