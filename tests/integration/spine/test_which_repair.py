"""Replies come back to the right repair: understood, asked for once, chosen by customer or agent."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import Any

import pytest
import requests
from sqlalchemy import select, text

from crm.core import clock
from crm.core.events import SYSTEM
from crm.notifications import again, rulebook
from crm.repairs import links
from crm.repairs.models import Repair
from crm.replies import focusing
from crm.tickets.models import Conversation
from tests import builders
from tests.builders import STAFF
from tests.integration.spine.meanings import MAC, PHONE, bench, meant, says


def _asked(mendline, number: int) -> list[dict[str, Any]]:
    return [
        one for one in mendline.thread(number)["messages"] if one["content_type"] == "input_select"
    ]


def _press(mendline, number: int, message: dict[str, Any], *values: Any) -> requests.Response:
    """The visitor presses a button in the website's chat."""
    inbox = next(i for i in mendline.account.account.items("inboxes") if i["website_token"])
    site = mendline.sandbox.server.app.extensions["sandbox"]
    contact = mendline.thread(number)["meta"]["sender"]["id"]
    session = site.store.sessions_of[contact][-1]
    answer = requests.patch(
        f"{mendline.sandbox.url}/api/v1/widget/messages/{message['id']}",
        params={"website_token": inbox["website_token"]},
        json={"visitor": session["source_id"],
              "message": {"submitted_values": [{"title": "x", "value": v} for v in values]}},
        timeout=10,
    )  # fmt: skip
    mendline.settle()
    return answer


def _later_turn(mendline) -> None:
    """As if another channel had been given each message first."""
    with mendline.units() as uow:
        longer = text("UPDATE ticket_messages SET effect_key = effect_key || :part")
        uow.session.execute(longer, {"part": ":1"})


def _values(message: dict[str, Any]) -> list[str]:
    return [item["value"] for item in message["content_attributes"]["items"]]


def test_words_bind_and_what_is_unclear_is_asked_once(mendline):
    number, (mac, phone) = bench(mendline)
    says(mendline, number, "Is the MacBook ready?")
    says(mendline, number, f"and {phone}?")
    assert meant(mendline)[1:] == [
        ("Is the MacBook ready?", mac, "device"), (f"and {phone}?", phone, "reference"),
    ]  # fmt: skip
    assert _asked(mendline, number) == []
    says(mendline, number, "When can I come?")
    says(mendline, number, "Before six?")
    (asked,) = _asked(mendline, number)
    assert _values(asked) == [phone, mac, "something_else"]
    titles = [item["title"] for item in asked["content_attributes"]["items"]]
    assert titles == [f"{PHONE}: received", f"{MAC}: received", "Something else"]
    assert asked["content"] == "Which repair is it about?"
    notes = len(mendline.notes(number))
    assert _press(mendline, number, asked, phone).status_code == 200
    assert meant(mendline)[3:] == [
        ("When can I come?", phone, "answer"), ("Before six?", phone, "answer"),
    ]  # fmt: skip
    (note,) = mendline.notes(number)[notes:]
    assert phone in note and PHONE in note and "2 message(s)" in note
    says(mendline, number, "And the price?")
    assert meant(mendline)[5] == ("And the price?", phone, "focus")
    states = mendline.table(
        "SELECT template, channel, state FROM notifications WHERE template = 'which_repair'"
    )
    assert states == [("which_repair", "chatwoot", "sent")]
    assert mendline.unfinished() == []


def test_a_shop_that_does_not_ask(mendline):
    number, _ = bench(mendline)
    with mendline.units() as uow:
        rulebook.change(uow, "which_repair", rulebook.EVERY_LOCALE, is_on=False, is_quiet=False,
                        channels=[], actor=SYSTEM)  # fmt: skip
    says(mendline, number, "When can I come?")
    assert _asked(mendline, number) == []
    query = "SELECT channel, state FROM notifications WHERE template = 'which_repair'"
    assert mendline.table(query) == [(None, "skipped")]


def test_the_first_answer_counts_and_only_what_was_offered(mendline):
    number, (mac, phone) = bench(mendline)
    other, (strange, _) = bench(mendline, words="somebody else")
    says(mendline, number, "Is it ready?")
    (asked,) = _asked(mendline, number)
    for value in (strange, "", "x" * 5000, "RPR", None, 7, {"a": 1}, "\x00", "{{7*7}}"):
        _press(mendline, number, asked, value)
    assert meant(mendline)[-1][1] is None
    _press(mendline, number, asked, mac)
    _press(mendline, number, asked, phone)
    assert [row[1] for row in meant(mendline) if row[0] == "Is it ready?"] == [mac]
    assert mendline.column("SELECT chosen_by FROM repair_focuses") == ["Ilse Brandt"]
    assert mendline.unfinished() == []


def test_something_else_is_an_answer_too(mendline):
    number, _ = bench(mendline)
    says(mendline, number, "Is it ready?")
    (asked,) = _asked(mendline, number)
    _press(mendline, number, asked, "something_else")
    says(mendline, number, "Do you sell cases?")
    assert meant(mendline)[1:] == [
        ("Is it ready?", None, "answer"), ("Do you sell cases?", None, None),
    ]  # fmt: skip
    assert len(_asked(mendline, number)) == 1
    assert "something else" in mendline.notes(number)[-1]


def test_small_talk_is_not_questioned(mendline):
    number, _ = bench(mendline)
    for words in ("Thanks a lot!", "Olá, bom dia", "ok", "👍", "yes"):
        says(mendline, number, words)
        assert meant(mendline)[-1] == (words, None, None)
    assert _asked(mendline, number) == []


def test_nobody_is_asked_while_an_agent_answers(mendline):
    number, _ = bench(mendline)
    mendline.agent(number, "Hello, Tom here")
    mendline.settle()
    says(mendline, number, "Is it ready?")
    assert _asked(mendline, number) == []


def test_a_visitor_learns_of_no_repair_that_is_not_in_the_thread(mendline):
    """Anybody may say in the website's chat that they are somebody else."""
    number = mendline.open_thread()
    owner = mendline.one("SELECT customer_id FROM conversations")
    with mendline.units() as uow:
        for device in (MAC, PHONE):
            builders.repair(uow, owner, device=device)
        uow.session.flush()
    mendline.settle()
    with mendline.units() as uow:
        uow.session.connection().exec_driver_sql("DELETE FROM ticket_repairs")
    says(mendline, number, "Is it ready?")
    assert _asked(mendline, number) == []


def test_shuffled_and_doubled_news_asks_once(mendline):
    number, (mac, phone) = bench(mendline)
    contact = mendline.thread(number)["meta"]["sender"]
    talk = builders.conversation(number, sender=builders.contact(contact["id"]))
    bodies = [builders.message(talk, f"Is it ready, number {n}?") for n in range(4)]
    deliveries = bodies * 2
    random.Random(7).shuffle(deliveries)
    for body in deliveries:
        assert mendline.hear("message_created", body).status_code in (200, 202)
    mendline.settle()
    (asked,) = _asked(mendline, number)
    _press(mendline, number, asked, mac)
    assert {row[1] for row in meant(mendline) if "number" in row[0]} == {mac}
    assert mendline.count("repair_questions") == 1
    assert len([note for note in mendline.notes(number) if "4 message(s)" in note]) == 1


def test_a_device_named_in_words_is_the_answer(mendline):
    number, (mac, phone) = bench(mendline)
    says(mendline, number, "When can I come?")
    says(mendline, number, "The MacBook")
    says(mendline, number, "And what does it cost?")
    assert meant(mendline)[1:] == [
        ("When can I come?", mac, "answer"), ("The MacBook", mac, "answer"),
        ("And what does it cost?", mac, "focus"),
    ]  # fmt: skip
    assert mendline.count("repair_questions", "answered_at IS NULL") == 0
    assert mendline.unfinished() == []


def test_a_reference_is_the_answer_if_it_was_asked_about(mendline):
    number, (mac, phone) = bench(mendline)
    says(mendline, number, "When can I come?")
    with mendline.units() as uow:
        owner, ticket = mendline.table("SELECT customer_id, ticket_id FROM conversations")[0]
        other = builders.repair(uow, owner, device="PlayStation 5")
        links.link(uow, other, ticket, owner, STAFF)
    mendline.settle()
    says(mendline, number, f"{other.ref}?")
    assert meant(mendline)[1:] == [
        ("When can I come?", None, None), (f"{other.ref}?", other.ref, "reference"),
    ]  # fmt: skip
    says(mendline, number, phone)
    assert meant(mendline)[1] == ("When can I come?", phone, "answer")


def test_about_none_holds_for_the_repairs_there_were(mendline):
    number, _ = bench(mendline)
    with mendline.units() as uow:
        focusing.choose(uow, uow.session.scalars(select(Conversation)).one(), None, STAFF)
    says(mendline, number, "Do you sell cases?")
    with mendline.units() as uow:
        owner, ticket = mendline.table("SELECT customer_id, ticket_id FROM conversations")[0]
        repair = builders.repair(uow, owner, device="Galaxy S22")
        links.link(uow, repair, ticket, owner, STAFF)
    mendline.settle()
    says(mendline, number, "When can I pick it up?")
    assert meant(mendline)[1:] == [
        ("Do you sell cases?", None, "focus"), ("When can I pick it up?", repair.ref, "only_one"),
    ]  # fmt: skip


def test_what_was_chosen_is_remembered_for_a_week(mendline):
    number, (mac, _) = bench(mendline)
    with mendline.units() as uow:
        repair = uow.session.scalars(select(Repair).where(Repair.ref == mac)).one()
        focusing.choose(uow, uow.session.scalars(select(Conversation)).one(), repair, STAFF)
    _write(mendline, "UPDATE repair_focuses SET chosen_at = now() - interval '6 days 23 hours'")
    says(mendline, number, "Is it ready?")
    assert meant(mendline)[-1] == ("Is it ready?", mac, "focus")
    _write(mendline, "UPDATE repair_focuses SET chosen_at = now() - interval '7 days 1 minute'")
    says(mendline, number, "Before six?")
    assert meant(mendline)[-1] == ("Before six?", None, None)
    assert len(_asked(mendline, number)) == 1


@pytest.mark.parametrize(("minutes", "questions"), [(58, 1), (62, 0)])
def test_nobody_is_asked_about_words_of_an_hour_ago(mendline, minutes, questions):
    """They were read back late, after an outage."""
    number, _ = bench(mendline)
    contact = mendline.thread(number)["meta"]["sender"]
    talk = builders.conversation(number, sender=builders.contact(contact["id"]))
    then = (clock.now() - timedelta(minutes=minutes)).isoformat()
    mendline.hear("message_created", builders.message(talk, "Is it ready?", created_at=then))
    mendline.settle()
    assert meant(mendline)[-1] == ("Is it ready?", None, None)
    assert mendline.count("repair_questions") == questions


def test_a_question_that_is_sent_again_has_its_buttons(mendline):
    number, (mac, phone) = bench(mendline)
    says(mendline, number, "Is it ready?")
    asked = mendline.one("SELECT id FROM notifications WHERE template = 'which_repair'")
    with mendline.units() as uow:
        again.resend(uow, asked, STAFF, is_repeat=True)
    mendline.settle()
    first, second = _asked(mendline, number)
    assert _values(second) == _values(first) == [phone, mac, "something_else"]
    _press(mendline, number, second, mac)
    assert meant(mendline)[-1] == ("Is it ready?", mac, "answer")


def _write(mendline, statement: str) -> None:
    with mendline.units() as uow:
        uow.session.execute(text(statement))


def test_elsewhere_it_is_a_numbered_text(mendline):
    number, (mac, phone) = bench(mendline)
    with mendline.units() as uow:
        uow.session.connection().exec_driver_sql(
            "UPDATE conversations SET channel = 'Channel::Telegram'"
        )
    contact = mendline.thread(number)["meta"]["sender"]
    talk = builders.conversation(
        number, sender=builders.contact(contact["id"]), channel="Channel::Telegram"
    )
    mendline.hear("message_created", builders.message(talk, "Is it ready?"))
    mendline.settle()
    told = mendline.told(number)[-1]
    assert told.splitlines()[1:4] == [
        f"1. {PHONE}: received",
        f"2. {MAC}: received",
        "3. Something else",
    ]
    mendline.hear("message_created", builders.message(talk, "É a segunda, obrigado"))
    mendline.settle()
    assert meant(mendline)[1:] == [
        ("Is it ready?", mac, "answer"), ("É a segunda, obrigado", mac, "answer"),
    ]  # fmt: skip


def test_the_button_of_a_question_that_took_a_second_turn(mendline):
    number, (mac, _) = bench(mendline)
    says(mendline, number, "Is it ready?")
    _later_turn(mendline)
    _press(mendline, number, _asked(mendline, number)[0], mac)
    assert meant(mendline)[-1] == ("Is it ready?", mac, "answer")


@pytest.mark.parametrize("is_later", [False, True], ids=["first turn", "later turn"])
def test_a_quoted_message_tells_the_repair(mendline, is_later):
    number, (mac, phone) = bench(mendline)
    if is_later:
        _later_turn(mendline)
    told = next(
        one for one in mendline.thread(number)["messages"]
        if one["message_type"] == 1 and not one["private"] and mac in one["content"]
    )  # fmt: skip
    contact = mendline.thread(number)["meta"]["sender"]
    talk = builders.conversation(number, sender=builders.contact(contact["id"]))
    attributes = {"in_reply_to": told["id"]}
    mendline.hear(
        "message_created", builders.message(talk, "Great, when?", content_attributes=attributes)
    )
    mendline.settle()
    assert meant(mendline)[-1] == ("Great, when?", mac, "quoted")
    listed = mendline.table(
        "SELECT details->>'repair' FROM ticket_messages WHERE body = 'Great, when?'"
    )
    assert listed == [(mac,)]
