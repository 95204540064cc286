"""The decision in the working service: wishes, rules and hours decide, and change what waits."""

from __future__ import annotations

from datetime import time, timedelta

import pytest
from sqlalchemy import text

from crm.core.clock import now
from crm.core.events import SYSTEM
from crm.customers import service as customers
from crm.notifications import preferences, rulebook, service
from crm.notifications.rules import CHANNELS, Frequency, Hours, Wishes
from tests.integration.channels.conftest import Channels

ADDRESS = "ilse@example.org"


@pytest.fixture
def customer(channels: Channels) -> str:
    return channels.customer(email=ADDRESS)


def _wish(channels: Channels, customer: str, wishes: Wishes) -> None:
    with channels.shop.parts.units() as uow:
        preferences.change(uow, customers.by_ref(uow, customer).id, wishes, SYSTEM)


def _rule(channels: Channels, template: str, locale: str = rulebook.EVERY_LOCALE, **values) -> None:
    told = {"is_on": True, "is_quiet": False, "channels": []} | values
    with channels.shop.parts.units() as uow:
        rulebook.change(uow, template, locale, actor=SYSTEM, **told)


def _told(channels: Channels) -> list[tuple]:
    return channels.log("template, channel, state, reason")


def _away_from_now(hours: int) -> Hours:
    """An hour of the day that begins in so many hours, on the shop's clock (UTC in tests)."""
    begins = (now() + timedelta(hours=hours)).replace(minute=0, second=0, microsecond=0)
    return Hours(begins.time(), (begins + timedelta(hours=1)).time())


def test_who_wants_essential_messages_only_is_spared_the_rest(channels: Channels, customer: str):
    _wish(channels, customer, Wishes(frequency=Frequency.ESSENTIAL))
    channels.repair(customer)
    assert _told(channels) == [
        ("repair_received", None, "skipped",
         "the customer wants essential messages only; this is milestone")
    ]  # fmt: skip
    channels.settle()
    assert channels.post.mails == [] and channels.effects() == []


def test_preferences_that_forbid_everything(channels: Channels, customer: str):
    _wish(channels, customer, Wishes(blocked=CHANNELS))
    channels.repair(customer)
    ((_, channel, state, reason),) = _told(channels)
    assert (channel, state, reason) == (None, "no_channel", "mail: the customer does not want it")
    channels.settle()
    assert channels.post.mails == []


def test_a_rule_may_switch_one_message_off_in_one_language(channels: Channels, customer: str):
    _rule(channels, "repair_received", "pt", is_on=False)
    channels.repair(customer)
    assert [row[:3] for row in _told(channels)] == [("repair_received", "mail", "queued")]
    with channels.shop.parts.units() as uow:
        customers.update(uow, customer, {"locale": "pt"}, SYSTEM)
    channels.repair(customer)
    assert _told(channels)[1] == (
        "repair_received", None, "skipped", "the shop does not send repair_received (pt)",
    )  # fmt: skip


def test_the_rule_of_a_language_comes_before_the_one_for_all(channels: Channels, customer: str):
    _rule(channels, "repair_received", is_on=False)
    _rule(channels, "repair_received", "en", is_on=True)
    channels.repair(customer)
    assert [row[:3] for row in _told(channels)] == [("repair_received", "mail", "queued")]


def test_it_waits_for_the_customers_hours_and_changes_with_them(channels: Channels, customer: str):
    _wish(channels, customer, Wishes(hours=_away_from_now(5)))
    channels.repair(customer)
    channels.settle()
    ((_, channel, state, reason),) = _told(channels)
    assert (channel, state) == ("mail", "queued")
    assert reason.startswith("proven email; waits for the customer's hours: ")
    assert channels.post.mails == []

    _wish(channels, customer, Wishes(hours=_away_from_now(3)))
    assert channels.effects("state, reason")[0] == ("cancelled", "the customer's wishes changed")
    ((send_at, turns),) = channels.log("send_at, turns")
    assert send_at < now() + timedelta(hours=4) and turns == 2

    _wish(channels, customer, Wishes())
    channels.settle()
    assert [mail["To"] for mail in channels.post.mails] == [ADDRESS]
    assert _told(channels) == [("repair_received", "mail", "sent", "proven email")]
    assert [row[0] for row in channels.effects("state")] == ["cancelled", "cancelled", "done"]


def test_what_waits_for_hours_is_not_hastened_by_later_news(channels: Channels, customer: str):
    _wish(channels, customer, Wishes(hours=_away_from_now(5)))
    channels.repair(customer)
    with channels.shop.parts.units() as uow:
        repair_id = uow.session.scalar(text("SELECT id FROM repairs"))
        assert service.release(uow, repair_id) == 0


def test_the_shop_changes_its_quiet_hours(channels: Channels):
    with channels.shop.parts.units() as uow:
        assert rulebook.quiet_hours(uow) == rulebook.USUAL_QUIET
        rulebook.change_quiet_hours(uow, Hours(time(20), time(9)), SYSTEM)
        assert rulebook.quiet_hours(uow) == Hours(time(20), time(9))
        rulebook.change_quiet_hours(uow, None, SYSTEM)
        assert rulebook.quiet_hours(uow) is None


def test_every_change_is_in_the_audit_log(channels: Channels, customer: str):
    _wish(channels, customer, Wishes(marketing=False))
    _rule(channels, "repair_testing", is_on=False)
    with channels.shop.parts.units() as uow:
        rulebook.reset(uow, "repair_testing", rulebook.EVERY_LOCALE, SYSTEM)
    acts = [row[0] for row in channels.shop.rows("SELECT action FROM audit ORDER BY id")]
    for act in ("communication_preferences.change", "notification_rule.change",
                "notification_rule.reset"):  # fmt: skip
        assert act in acts


def test_an_unblocked_channel_brings_what_found_no_way(channels: Channels, customer: str):
    _wish(channels, customer, Wishes(blocked=CHANNELS))
    ref = channels.repair(customer)
    move = {"status": "ready_pickup"}
    assert (
        channels.shop.call("POST", f"/repairs/{ref}/updates", "desk", json=move).status_code == 201
    )
    assert [row[2] for row in _told(channels)] == ["no_channel", "no_channel"]
    _wish(channels, customer, Wishes())
    channels.settle()
    # The newest is sent; that we have the device is no news any more.
    assert [row[2] for row in _told(channels)] == ["superseded", "sent"]
    assert [mail["Subject"] for mail in channels.post.mails] == [
        f"Ready to be collected: repair {ref}"
    ]


def test_an_address_that_staff_enter_brings_what_found_no_way(channels: Channels):
    customer = channels.customer(phone="+447700900123", proven=False)
    channels.repair(customer)
    assert [row[2] for row in _told(channels)] == ["no_channel"]
    changed = channels.shop.call("PATCH", f"/customers/{customer}", "desk", json={"email": ADDRESS})
    assert changed.status_code == 200, changed.text
    channels.settle()
    assert [mail["To"] for mail in channels.post.mails] == [ADDRESS]


def test_staff_learn_of_news_to_act_on_that_found_no_way(channels: Channels):
    ref = channels.repair(channels.customer(phone="+447700900123", proven=False))
    notices = "SELECT count(*) FROM notices WHERE kind = 'message.failed'"
    assert channels.shop.rows(notices)[0][0] == 0
    move = {"status": "ready_pickup"}
    assert (
        channels.shop.call("POST", f"/repairs/{ref}/updates", "desk", json=move).status_code == 201
    )
    assert channels.shop.rows(notices)[0][0] == 1
