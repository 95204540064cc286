"""Inboxes of Chatwoot that are telephones: STOP and START written there, and the night."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from crm.core.clock import now
from crm.core.events import SYSTEM
from crm.notifications import rulebook
from crm.notifications.rules import Hours
from crm.repairs import links
from crm.texting import numbers
from tests import builders
from tests.builders import STAFF
from tests.integration.spine.meanings import offer
from tests.service import Service

PHONE = "+447700900123"
WHATSAPP = "Channel::Whatsapp"


class Thread:
    """A conversation of somebody with this number. It is heard of by signed webhooks only."""

    def __init__(self, mendline: Service, channel: str = WHATSAPP, phone: str | None = PHONE):
        self.mendline = mendline
        sender = builders.contact(mendline.visitor(), phone_number=phone)
        self.number = mendline.writes(sender["id"], "Hello, my screen broke")
        mendline.settle()
        self.body = builders.conversation(self.number, sender=sender, channel=channel)
        self.says("Is anybody there?")

    def says(self, words: str, times: int = 1, **fields: Any) -> dict[str, Any]:
        message = builders.message(self.body, words, **fields)
        for _ in range(times):
            self.mendline.hear("message_created", message)
        self.mendline.settle()
        return message

    def repair(self) -> None:
        with self.mendline.units() as uow:
            owner, ticket = self.mendline.table(
                "SELECT customer_id, ticket_id FROM conversations WHERE number = :n", n=self.number
            )[0]
            links.link(uow, builders.repair(uow, owner), ticket, owner, STAFF)

    def notices(self) -> list[tuple]:
        rows = self.mendline.table("SELECT state, channel, refusals FROM notifications ORDER BY id")
        return [tuple(row) for row in rows]

    def notes(self) -> list[str]:
        words = ("no messages on this telephone", "messages on this telephone again")
        found = self.mendline.notes(self.number)
        return [one for one in words for note in found if one in note]


def stopped(mendline: Service) -> bool:
    with mendline.units() as uow:
        return numbers.is_stopped(uow, PHONE)


@pytest.mark.parametrize(
    ("words", "channel"),
    [("STOP", WHATSAPP), ("stop.", "Channel::TwilioSms"), (" Parar! ", "Channel::Sms"),
     ("sAiR", WHATSAPP)],
)  # fmt: skip
def test_stop_is_obeyed_until_start(mendline: Service, words: str, channel: str):
    thread = Thread(mendline, channel)
    thread.says(words)
    assert stopped(mendline) and thread.notes() == ["no messages on this telephone"]
    thread.repair()
    mendline.settle()
    assert thread.notices() == [("no_channel", None, {"chatwoot": "they said stop"})]
    assert mendline.told(thread.number) == []
    thread.says("Start")
    assert not stopped(mendline) and len(thread.notes()) == 2
    # What found no way is brought now.
    assert thread.notices()[0][:2] == ("sent", "chatwoot")
    assert len(mendline.told(thread.number)) == 1


def test_a_repeated_webhook_is_heard_once(mendline: Service):
    thread = Thread(mendline)
    thread.says("STOP", times=3)
    assert thread.notes() == ["no messages on this telephone"]
    assert mendline.count("events", "kind = 'customer.wish_heard'") == 1


@pytest.mark.parametrize("channel", ["Channel::WebWidget", "Channel::Email", "Channel::Telegram"])
def test_elsewhere_the_word_stops_nothing(mendline: Service, channel: str):
    thread = Thread(mendline, channel)
    thread.says("STOP")
    assert not stopped(mendline) and thread.notes() == []
    thread.repair()
    mendline.settle()
    assert thread.notices()[0][:2] == ("sent", "chatwoot")


def test_other_words_are_no_wish(mendline: Service):
    thread = Thread(mendline)
    for words in ("please stop by at ten", "YES", "STOP" * 2_500, "😀", "\u202ePOTS", "",
                  "<script>STOP</script>", "{{ STOP }}", "S\0TOP IT"):  # fmt: skip
        mendline.hear("message_created", builders.message(thread.body, words))
    mendline.settle()
    assert not stopped(mendline) and thread.notes() == []
    assert mendline.unfinished() == []


@pytest.mark.parametrize("words", ["Cancel", "CANCELAR", "end."])
def test_a_word_that_may_be_about_their_booking_stops_nothing(mendline: Service, words: str):
    thread = Thread(mendline)
    offer(mendline)
    thread.says(words)
    assert not stopped(mendline) and thread.notes() == []
    assert "/book/" in mendline.told(thread.number)[-1]
    assert mendline.column("SELECT status FROM bookings") == ["pending"]


def test_without_a_booking_it_is_a_stop(mendline: Service):
    thread = Thread(mendline)
    thread.says("Cancel")
    assert stopped(mendline) and thread.notes() == ["no messages on this telephone"]
    assert "/book/" not in "".join(mendline.told(thread.number))


def test_only_the_customer_says_so(mendline: Service):
    thread = Thread(mendline)
    thread.says("STOP", kind="outgoing")
    thread.says("STOP", private=True)
    assert not stopped(mendline)


def test_yes_from_somebody_who_said_stop_is_a_start_and_no_answer(mendline: Service):
    thread = Thread(mendline)
    thread.repair()
    mendline.agent(thread.number, "!quote 120", private=True)
    mendline.settle()
    for words in ("STOP", "Yes"):
        thread.says(words)
    assert not stopped(mendline)
    marks = mendline.column("SELECT details->>'wish' FROM ticket_messages ORDER BY id")
    assert [one for one in marks if one] == ["stop", "start"]
    bound = "details ? 'wish' AND details ?| array['meant_by', 'repair', 'question']"
    assert mendline.count("ticket_messages", bound) == 0
    assert mendline.column("SELECT state FROM quotes") == ["sent"]
    thread.says("Yes")
    assert mendline.column("SELECT state FROM quotes") == ["approved"]


def test_a_stop_that_is_read_late_does_not_undo_a_later_start(mendline: Service):
    thread = Thread(mendline)
    early = (now() - timedelta(minutes=5)).isoformat()
    thread.says("START")
    thread.says("STOP", created_at=early)
    assert not stopped(mendline)


def test_what_waits_to_leave_is_not_sent_after_stop(holding: Service):
    thread = Thread(holding)
    thread.repair()
    assert [one[0] for one in thread.notices()] == ["queued"]
    thread.says("STOP")
    holding.hasten()
    holding.settle()
    assert holding.told(thread.number) == []
    assert thread.notices()[0][2] == {"chatwoot": "they said stop"}


def test_a_stop_by_text_closes_the_conversation_on_that_number(mendline: Service):
    thread = Thread(mendline)
    with mendline.units() as uow:
        numbers.stop(uow, PHONE, "they wrote so by sms")
    thread.repair()
    assert thread.notices()[0][2] == {"chatwoot": "they said stop"}


def test_another_telephone_of_theirs_is_not_meant(mendline: Service):
    thread = Thread(mendline)
    with mendline.units() as uow:
        uow.session.execute(text("UPDATE customers SET phone = '+447700900999'"))
        numbers.stop(uow, "+447700900999", "they wrote so by sms")
    thread.repair()
    mendline.settle()
    assert thread.notices()[0][:2] == ("sent", "chatwoot")


def test_a_conversation_that_rings_keeps_to_the_quiet_hours(mendline: Service):
    """Decided on by day, and first tried at night."""
    thread = Thread(mendline)
    with mendline.units() as uow:
        rulebook.change(uow, "repair_received", rulebook.EVERY_LOCALE, is_on=True, is_quiet=True,
                        channels=[], actor=SYSTEM)  # fmt: skip
        rulebook.change_quiet_hours(uow, None, SYSTEM)
    thread.repair()
    hour = now().replace(minute=0, second=0, microsecond=0)
    night = Hours((hour - timedelta(hours=1)).time(), (hour + timedelta(hours=2)).time())
    with mendline.units() as uow:
        rulebook.change_quiet_hours(uow, night, SYSTEM)
    mendline.settle()
    assert mendline.told(thread.number) == [] and thread.notices()[0][0] == "queued"
    assert mendline.one(
        "SELECT due_at > now() AND first_tried_at IS NULL FROM outbox WHERE kind = 'chatwoot.message'"
    )
    with mendline.units() as uow:
        rulebook.change_quiet_hours(uow, None, SYSTEM)
    mendline.hasten()
    mendline.settle()
    assert len(mendline.told(thread.number)) == 1
