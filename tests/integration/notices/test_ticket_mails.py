"""The mail about a new ticket: asked for, to the desk and above, without a trace of its words."""

from __future__ import annotations

from datetime import timedelta

import pytest

from crm.core.events import SYSTEM, Actor
from crm.customers import service as customers
from crm.notifications import rulebook
from crm.staff import roles
from crm.staff import service as staff
from crm.ticket_mails import MOST_AN_HOUR
from crm.tickets import service as tickets
from crm.tickets.models import Ticket, TicketStatus
from tests import builders
from tests.integration.notices.conftest import Desk

CUSTOMER = Actor("customer", "Ilse Brandt")
HOSTILE = [
    "x" * 10_000,
    "🔧" * 200,
    "‮screen",
    "<script>alert(1)</script>",
    "{{7*7}}",
    "Hi\r\nBcc: a@b",
]


@pytest.fixture
def asked_for(desk: Desk) -> Desk:
    with desk.parts.units() as uow:
        rulebook.change(
            uow, "new_ticket", rulebook.EVERY_LOCALE, is_on=True, is_quiet=False, channels=[],
            actor=SYSTEM,
        )  # fmt: skip
    return desk


def _opens(desk: Desk, subject: str = "My screen is black", *, actor: Actor = CUSTOMER,
           status: TicketStatus = TicketStatus.OPEN, customer: str | None = None) -> str:  # fmt: skip
    customer = customer or desk.customer()
    with desk.parts.units() as uow:
        owner = customers.by_ref(uow, customer).id
        ticket = tickets.open_ticket(
            uow, owner, subject, source="chatwoot", actor=actor, status=status
        )
    return ticket.ref


def test_nobody_is_written_to_unasked(desk: Desk):
    desk.person(roles.DESK)
    _opens(desk)
    desk.settle()
    assert desk.post.mails == []


def test_the_desk_and_above_get_one_each(asked_for: Desk):
    for role in roles.STAFF_ROLES:
        asked_for.person(role)
    ref = _opens(asked_for)
    asked_for.settle()
    got = {"desk@shop.example", "manager@shop.example", "admin@shop.example"}
    assert sorted(asked_for.post.recipients) == sorted(got)
    assert asked_for.post.mails[0]["Subject"] == "A new ticket at Quay Phones"
    text = asked_for.post.text()
    assert f"New ticket {ref} from Ilse Brandt: My screen is black" in text
    assert "/admin/notices" in text


def test_no_word_of_it_stays_in_the_log(asked_for: Desk):
    asked_for.person(roles.DESK)
    _opens(asked_for)
    asked_for.settle()
    (row,) = asked_for.rows("SELECT body, sealed_body, address, state, channel FROM notifications")
    assert "black" not in row[0] and "Ilse" not in row[0]
    assert tuple(row[1:]) == (None, None, "sent", "mail")


def test_who_opened_it_at_the_desk_needs_no_mail(asked_for: Desk):
    asked_for.person(roles.DESK)
    _opens(asked_for, actor=builders.STAFF)
    _opens(asked_for, actor=Actor("agent", "Tom"))
    asked_for.settle()
    assert asked_for.post.mails == []


def test_what_was_settled_before_we_heard_of_it_is_no_news(asked_for: Desk):
    asked_for.person(roles.DESK)
    _opens(asked_for, status=TicketStatus.RESOLVED)
    asked_for.settle()
    assert asked_for.post.mails == []


def test_who_left_gets_none(asked_for: Desk):
    gone, _ = asked_for.person(roles.DESK)
    with asked_for.parts.units() as uow:
        staff.disable_staff(uow, SYSTEM, gone)
    _opens(asked_for)
    asked_for.settle()
    assert asked_for.post.mails == []


def test_a_storm_of_tickets_is_told_by_the_list(asked_for: Desk):
    asked_for.person(roles.DESK)
    customer = asked_for.customer()
    for _ in range(MOST_AN_HOUR + 3):
        _opens(asked_for, customer=customer)
    count = "SELECT count(*) FROM notifications"
    assert asked_for.rows(count)[0][0] == MOST_AN_HOUR
    with asked_for.parts.units() as uow:
        for ticket in uow.session.query(Ticket):
            ticket.created_at -= timedelta(hours=1)
    _opens(asked_for, customer=customer)
    assert asked_for.rows(count)[0][0] == MOST_AN_HOUR + 1


@pytest.mark.parametrize("subject", HOSTILE)
def test_hostile_words_stay_words(asked_for: Desk, subject):
    asked_for.person(roles.DESK)
    _opens(asked_for, subject)
    asked_for.settle()
    (mail,) = asked_for.post.mails
    assert mail["To"] == "desk@shop.example" and mail["Bcc"] is None
    assert "<script>alert" not in mail.get_body(("html",)).get_content()
