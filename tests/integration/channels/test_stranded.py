"""Messages that found no way to the customer: what finds one later, what is old news by then."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from crm.core.events import SYSTEM
from crm.customers import merging
from crm.customers import service as customers
from crm.notifications import again, preferences, service
from crm.notifications import channels as ways
from crm.notifications.models import Notification
from crm.notifications.rules import Frequency, Wishes
from crm.repairs.events import RepairLinked
from crm.repairs.models import Repair
from tests.integration.channels.conftest import Channels

ADDRESS, PHONE = "ilse@example.org", "+447700900123"


def compose(channels: Channels, template: str, *, is_status: bool = False, **more) -> None:
    """One more message about the only repair there is."""
    with channels.shop.parts.units() as uow:
        repair = uow.session.scalars(select(Repair)).one()
        count = len(uow.session.scalars(select(Notification.id)).all())
        key = service.status_key(repair.id, 1_000 + count) if is_status else f"test:{count}"
        service.compose(
            uow, key, template, template, locale="en", customer_id=repair.customer_id,
            repair_id=repair.id, hold=timedelta(), actor=SYSTEM, **more,
        )  # fmt: skip


def reachable(channels: Channels, customer: str) -> None:
    answer = channels.shop.call("PATCH", f"/customers/{customer}", "desk", json={"email": ADDRESS})
    assert answer.status_code == 200, answer.text


def linked(channels: Channels) -> None:
    with channels.shop.parts.units() as uow:
        repair = uow.session.scalars(select(Repair)).one()
        uow.record(RepairLinked(repair.id, SYSTEM, 0))


def notices(channels: Channels) -> list[str]:
    return [row[0] for row in channels.shop.rows("SELECT kind FROM notices ORDER BY id")]


def test_only_a_status_makes_another_old(channels: Channels):
    customer = channels.customer()
    channels.repair(customer)
    compose(channels, "quote_ready")
    compose(channels, "payment_link")
    compose(channels, "repair_waiting_parts", is_status=True)
    assert {state for (state,) in channels.log("state")} == {"no_channel"}
    reachable(channels, customer)
    assert channels.log("template, state") == [
        ("repair_received", "superseded"),
        ("quote_ready", "queued"),
        ("payment_link", "queued"),
        ("repair_waiting_parts", "queued"),
    ]
    channels.settle()
    # In the order in which they were written.
    subjects = [mail["Subject"] for mail in channels.post.mails]
    assert len(subjects) == 3


def test_a_status_that_is_not_wanted_lets_the_one_before_it_through(channels: Channels):
    customer = channels.customer()
    channels.repair(customer)
    compose(channels, "repair_testing", is_status=True)
    with channels.shop.parts.units() as uow:
        number = customers.by_ref(uow, customer).id
        preferences.change(uow, number, Wishes(frequency=Frequency.MILESTONES), SYSTEM)
    reachable(channels, customer)
    assert channels.log("template, state") == [
        ("repair_received", "queued"),
        ("repair_testing", "skipped"),
    ]


@pytest.mark.parametrize(("hours", "state"), [(23, "queued"), (25, "no_channel")])
def test_what_was_news_yesterday(channels: Channels, hours: int, state: str):
    customer = channels.customer()
    channels.repair(customer)
    channels.write(
        "UPDATE notifications SET created_at = created_at - :ago * interval '1 hour', "
        "not_before = not_before - :ago * interval '1 hour'",
        ago=hours,
    )
    channels.write(
        "INSERT INTO customer_keys (customer_id, kind, value, is_proven, created_at) "
        "SELECT id, 'email', :address, true, now() FROM customers",
        address=ADDRESS,
    )
    channels.write("UPDATE customers SET email = :address", address=ADDRESS)
    linked(channels)
    assert channels.log("state") == [(state,)]


def test_what_is_due_in_two_weeks_waits_for_an_address(channels: Channels):
    body = {key: value for key, value in channels.shop.body(10).items() if key != "email"}
    made = channels.shop.call("POST", "/bookings", "desk", json={**body, "phone": PHONE})
    assert (
        channels.shop.call("POST", f"/bookings/{made.json['ref']}/confirm", "desk").status_code
        < 300
    )
    channels.write("UPDATE notifications SET created_at = created_at - interval '25 hours'")
    ((customer,),) = channels.shop.rows("SELECT ref FROM customers")
    reachable(channels, customer)
    reminded = [state for template, state in channels.log("template, state")
                if template == "booking_reminder"]  # fmt: skip
    assert reminded and set(reminded) == {"queued"}


def test_staff_hear_of_a_booking_nobody_could_be_told_of(channels: Channels):
    body = {key: value for key, value in channels.shop.body(10).items() if key != "email"}
    made = channels.shop.call("POST", "/bookings", "desk", json={**body, "phone": PHONE})
    assert (
        channels.shop.call("POST", f"/bookings/{made.json['ref']}/confirm", "desk").status_code
        < 300
    )
    # That it came, that it is confirmed; reminders of it say nothing new.
    # Once: a guest is nobody before they are confirmed, and a reminder of it says nothing new.
    assert notices(channels) == ["message.failed"]


def test_staff_hear_of_what_came_too_late(channels: Channels):
    ref = channels.repair(channels.customer(email=ADDRESS))
    channels.settle()
    compose(channels, "repair_testing", is_status=True)
    compose(channels, "repair_ready_pickup", is_status=True)
    channels.write("UPDATE outbox SET deadline_at = clock_timestamp() - interval '1 second' "
                   "WHERE state = 'pending'")  # fmt: skip
    channels.settle()
    assert channels.log("template, state")[1:] == [
        ("repair_testing", "cancelled"),
        ("repair_ready_pickup", "cancelled"),
    ], ref
    # The one of them that asks the customer for something.
    assert notices(channels) == ["message.failed"]


def test_one_failure_is_told_once(channels: Channels):
    channels.repair(channels.customer(email=ADDRESS))
    channels.settle()
    ((number,),) = channels.log("id")
    for _ in range(2):
        with channels.shop.parts.units() as uow:
            ways.gave_up(uow, number, "permanent: it came back")
    told = channels.shop.rows("SELECT count(*) FROM events WHERE kind = 'notification.refused'")
    assert [row[0] for row in told] == [1]


def test_what_waits_follows_a_merge(channels: Channels):
    theirs = channels.customer(email=ADDRESS)
    channels.repair(theirs)
    assert channels.log("state") == [("queued",)]
    stays = channels.customer(email="other@example.org")
    with channels.shop.parts.units() as uow:
        wishes = Wishes(frequency=Frequency.NONE)
        preferences.change(uow, customers.by_ref(uow, stays).id, wishes, SYSTEM)
    with channels.shop.parts.units() as uow:
        merging.merge(uow, stays, theirs, SYSTEM)
    assert channels.log("state") == [("skipped",)]
    channels.settle()
    assert channels.post.mails == []


def test_an_answer_sent_again_stays_where_it_belongs(channels: Channels):
    channels.repair(channels.customer(email=ADDRESS))
    channels.settle()
    compose(channels, "which_link", only="sms")
    *_, (number, state) = channels.log("id, state")
    assert state == "no_channel"
    with channels.shop.parts.units() as uow:
        again.resend(uow, number, SYSTEM)
    channels.settle()
    assert channels.log("template, channel, state, refusals")[1:] == [
        ("which_link", None, "superseded",
         {"mail": "it is answered where the customer wrote"}),
        ("which_link", None, "no_channel",
         {"mail": "it is answered where the customer wrote"}),
    ]  # fmt: skip
    assert len(channels.post.mails) == 1
