"""Replies by text: which repair is meant, and what a plain yes agrees to."""

from __future__ import annotations

import pytest
import responses

from crm.core.money import Line
from crm.quotes import service as quotes
from crm.quotes.rules import Content, Item, Option
from crm.quotes.service import NewQuote
from crm.repairs import queries
from tests.builders import STAFF
from tests.integration.channels.conftest import Channels
from tests.integration.channels.line import ENVIRON, MESSAGES, PHONE, asked, written

OTHER = "+447700900124"


@pytest.fixture
def environ() -> dict[str, str]:
    return ENVIRON | {"HOLD_SECONDS": "0", "TWILIO_WHATSAPP_FROM": "+447700900002"}


@pytest.fixture
def twilio():
    with responses.RequestsMock(assert_all_requests_are_fired=False) as line:
        numbers = iter(range(100, 999))
        line.add_callback(
            responses.POST, MESSAGES,
            lambda _: (201, {}, f'{{"sid": "SM{next(numbers)}", "status": "queued"}}'),
        )  # fmt: skip
        yield line


def repair(channels: Channels, customer: str, device: str) -> str:
    body = {"customer_ref": customer, "device": device, "problem": "screen"}
    answer = channels.shop.call("POST", "/repairs", "desk", json=body)
    channels.settle()
    return answer.json["ref"]


def meant(channels: Channels) -> list[tuple]:
    return [tuple(row) for row in channels.shop.rows(
        "SELECT body, details->>'repair', details->>'meant_by' FROM ticket_messages"
        " WHERE author_kind = 'customer' ORDER BY id")]  # fmt: skip


def questions(line) -> list[dict[str, str]]:
    return [one for one in asked(line) if "which repair" in one["Body"].lower()]


def two(channels: Channels) -> tuple[str, str]:
    customer = channels.customer(phone=PHONE)
    return repair(channels, customer, "MacBook Pro 14"), repair(channels, customer, "iPhone 13")


def test_the_question_is_answered_by_its_number(channels: Channels, twilio):
    mac, phone = two(channels)
    written(channels, "Is it ready?", "SM1")
    written(channels, "Before six?", "SM2")
    (question,) = questions(twilio)
    assert question["To"] == PHONE
    assert "1 iPhone 13: received\n2 MacBook Pro 14: received\n3 Something else" in question["Body"]
    assert channels.log("template, channel, state")[-1] == ("which_repair", "sms", "sent")
    written(channels, "2", "SM3")
    written(channels, "Thanks, when?", "SM4")
    assert meant(channels) == [
        ("Is it ready?", mac, "answer"), ("Before six?", mac, "answer"), ("2", mac, "answer"),
        ("Thanks, when?", mac, "focus"),
    ]  # fmt: skip
    assert len(questions(twilio)) == 1


def test_words_and_whatsapps_reply_tell_the_repair(channels: Channels, twilio):
    mac, phone = two(channels)
    written(channels, "my laptop?", "SM1")
    sid = channels.shop.rows(
        "SELECT n.external_id FROM notifications n JOIN repairs r ON r.id = n.repair_id"
        f" WHERE r.ref = '{phone}'")[0][0]  # fmt: skip
    written(channels, "great", "SM2", OriginalRepliedMessageSid=sid)
    written(channels, "thanks", "SM3", OriginalRepliedMessageSid="SM\x00" + "9" * 500)
    assert meant(channels) == [
        ("my laptop?", mac, "device"), ("great", phone, "quoted"), ("thanks", None, None),
    ]  # fmt: skip
    assert questions(twilio) == []


def quote(channels: Channels, ref: str, *, options: int = 1) -> None:
    with channels.shop.parts.units() as uow:
        row = queries.by_ref(uow, ref)
        items = (Item(Line("Screen", 10_000, "standard", 2000), False),)
        content = Content(
            tuple(Option(f"{n}" if options > 1 else "", items) for n in range(options))
        )
        new = NewQuote(row.id, row.customer_id, row.currency, content)
        quotes.send(uow, quotes.make(uow, new, STAFF).id, STAFF)
    channels.settle()


def states(channels: Channels) -> list[tuple]:
    return [tuple(row) for row in channels.shop.rows("SELECT state FROM quotes ORDER BY id")]


def test_a_yes_from_the_number_that_got_the_link_approves(channels: Channels, twilio):
    mac, phone = two(channels)
    quote(channels, mac)
    written(channels, "Yes, go ahead!", "SM1")
    assert states(channels) == [("approved",)]
    assert meant(channels) == [("Yes, go ahead!", mac, "agreed")]
    assert channels.shop.rows("SELECT via, words FROM quote_decisions") == [
        ("sms", "Yes, go ahead!")
    ]
    assert questions(twilio) == []


def test_a_yes_from_elsewhere_or_to_a_choice_approves_nothing(channels: Channels, twilio):
    mac, _ = two(channels)
    quote(channels, mac, options=2)
    written(channels, "yes", "SM1")
    assert states(channels) == [("sent",)]
    assert channels.log("template")[-1] == ("quote_which",)
    channels.write(f"UPDATE notifications SET address = '{OTHER}' WHERE template = 'quote_ready'")
    written(channels, "yes", "SM2")
    written(channels, "yes", "SM3", sender=OTHER)
    written(channels, "yes", "SM4", by="whatsapp:")
    assert states(channels) == [("sent",)]
    assert len([one for one in channels.log("template") if one == ("quote_which",)]) == 1


def booking(channels: Channels, customer: str | None) -> str:
    """Made by staff, waiting for a confirmation, and told by text."""
    shop = channels.shop
    body = {k: v for k, v in shop.body(phone=PHONE).items() if k != "email"}
    body |= {"customer_ref": customer} if customer else {}
    answer = shop.call("POST", "/bookings", "desk", json=body)
    assert answer.status_code == 201, answer.text
    channels.settle()
    return answer.json["ref"]


def held(channels: Channels) -> list[tuple]:
    return [tuple(row) for row in channels.shop.rows("SELECT status FROM bookings ORDER BY id")]


def test_a_yes_confirms_the_booking_that_waits_for_it(channels: Channels, twilio):
    booking(channels, channels.customer(phone=PHONE))
    assert held(channels) == [("pending",)]
    assert channels.log()[-1] == ("booking_received", "sms", "sent")
    written(channels, "yes", "SM1", sender=OTHER)
    assert held(channels) == [("pending",)]
    written(channels, "Yes!", "SM2")
    assert held(channels) == [("confirmed",)]
    assert channels.log()[-1][0] in ("booking_confirmed", "booking_reminder")
    count = len(channels.log())
    written(channels, "yes", "SM3")
    assert len(channels.log()) == count


def test_a_yes_that_may_mean_a_quote_or_a_booking_gets_links(channels: Channels, twilio):
    customer = channels.customer(phone=PHONE)
    mac = repair(channels, customer, "MacBook Pro 14")
    quote(channels, mac)
    booking(channels, customer)
    for sid in ("SM1", "SM2"):
        written(channels, "yes", sid)
    assert (held(channels), states(channels)) == ([("pending",)], [("sent",)])
    (link,) = links(twilio)
    assert "/quote/" in link["Body"] and "/book/" in link["Body"]


def test_a_yes_after_something_else_was_asked_confirms_nothing(channels: Channels, twilio):
    customer = channels.customer(phone=PHONE)
    booking(channels, customer)
    channels.write("""INSERT INTO notifications (event_key, template, locale, customer_id, body, state,
        reason, not_before, created_at) SELECT 'x', 'sign_request', 'en', customer_id, 'Sign?', 'sent',
        '', created_at, created_at FROM notifications ORDER BY id DESC LIMIT 1""")
    written(channels, "yes", "SM1")
    assert held(channels) == [("pending",)]


def test_a_guests_own_booking_waits_for_its_code(channels: Channels, twilio):
    customer = channels.customer(phone=PHONE)
    booking(channels, customer)
    channels.write("UPDATE bookings SET by_guest = true")
    written(channels, "yes", "SM1")
    assert held(channels) == [("pending",)]


def test_a_cancel_gets_the_link_and_cancels_nothing(channels: Channels, twilio):
    booking(channels, channels.customer(phone=PHONE))
    for words in ("Please cancel", "cancel my booking", "Cancelar a minha marcação."):
        written(channels, words, f"SM{len(words)}")
    assert held(channels) == [("pending",)]
    (link,) = links(twilio)
    assert "/book/" in link["Body"]


def stops(channels: Channels) -> list[str]:
    return [row[0] for row in channels.shop.rows(
        "SELECT channel FROM text_numbers WHERE state = 'opted_out' ORDER BY channel")]  # fmt: skip


def links(line) -> list[dict[str, str]]:
    return [one for one in asked(line) if "open what you mean" in one["Body"]]


@pytest.mark.parametrize(
    ("words", "by"), [("Cancel", ""), ("CANCELAR!", "whatsapp:"), ("end", ""), ("c a n c e l", "")]
)
def test_a_carriers_word_is_about_the_booking_they_were_told_of(
    channels: Channels, twilio, words: str, by: str
):
    booking(channels, channels.customer(phone=PHONE))
    written(channels, words, "SM1", by=by)
    assert (held(channels), stops(channels)) == ([("pending",)], [])
    (link,) = links(twilio)
    assert "/book/" in link["Body"] and link["To"] == by + PHONE
    assert meant(channels) == [(words, None, "agreed")]


@pytest.mark.parametrize(("words", "status"), [("Cancel", "pending"), ("Yes!", "confirmed")])
def test_one_whom_staff_booked_in_by_number_alone_is_no_stranger(
    channels: Channels, twilio, words: str, status: str
):
    booking(channels, None)
    written(channels, words, "SM1")
    assert (held(channels), stops(channels)) == ([(status,)], [])
    assert bool(links(twilio)) == (words == "Cancel")
    assert channels.shop.rows("SELECT count(*) FROM customers") == [(1,)]


def test_where_no_booking_can_be_meant_it_is_a_stop(channels: Channels, twilio):
    booking(channels, channels.customer(phone=PHONE))
    channels.write("UPDATE bookings SET starts_at = now() - interval '2 hours', "
                   "ends_at = now() - interval '1 hour'")  # fmt: skip
    written(channels, "Please cancel", "SM1")
    assert stops(channels) == [], "no word of a carrier"
    written(channels, "Cancel", "SM2")
    assert stops(channels) == ["sms", "whatsapp"] and links(twilio) == []
    assert channels.shop.rows("SELECT details->>'wish' FROM ticket_messages ORDER BY id") == [
        (None,), ("stop",),
    ]  # fmt: skip


def test_a_booking_told_elsewhere_is_not_meant(channels: Channels, twilio):
    booking(channels, channels.customer(phone=PHONE))
    channels.write(f"UPDATE notifications SET address = '{OTHER}'")
    written(channels, "Cancel", "SM1")
    assert stops(channels) == ["sms", "whatsapp"] and links(twilio) == []


def test_what_twilio_took_for_a_stop_stays_one_and_staff_hear_of_it(channels: Channels, twilio):
    booking(channels, channels.customer(phone=PHONE))
    written(channels, "CANCEL", "SM1", OptOutType="STOP")
    assert (held(channels), stops(channels), links(twilio)) == ([("pending",)], ["sms"], [])
    assert meant(channels) == [("CANCEL", None, None)]
    kinds = channels.shop.rows(
        "SELECT n.kind, t.ref FROM notices n JOIN tickets t ON t.id = ticket_id"
    )
    assert sorted(kinds)[0] == ("customer.wish_heard", "TKT-000001")
    shown = channels.shop.call("GET", "/notices", "desk").json["data"]
    assert any("may have meant a booking: TKT-000001" in one["text"] for one in shown)
    written(channels, "STOP", "SM2", OptOutType="STOP")
    assert stops(channels) == ["sms", "whatsapp"], "of this there is no doubt"


def test_hostile_answers(channels: Channels, twilio):
    two(channels)
    written(channels, "Is it ready?", "SM1")
    hostile = ("x" * 10_000, "😀" * 300, "\u202e2", "<script>2</script>", "{{7*7}}", "4", "-1", "²")
    for number, words in enumerate(hostile):
        assert written(channels, words, f"SM9{number}").status_code == 204
    assert len(questions(twilio)) == 1
    assert channels.shop.rows(
        "SELECT count(*) FROM repair_questions WHERE answered_at IS NULL"
    ) == [(1,)]
    assert channels.shop.rows("SELECT count(*) FROM inbox WHERE state = 'dead'") == [(0,)]


def test_a_yes_to_what_is_still_held_agrees_to_nothing(channels: Channels, twilio):
    mac, _ = two(channels)
    quote(channels, mac)
    channels.write("UPDATE notifications SET not_before = clock_timestamp() + interval '1 minute', "
                   "state = 'queued' WHERE template = 'quote_ready'")  # fmt: skip
    written(channels, "yes", "SM1")
    assert states(channels) == [("sent",)]
