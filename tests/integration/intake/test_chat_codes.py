"""Codes typed into chat: masked before they are stored, kept in the box, and told to the agent."""

from __future__ import annotations

import json

from chatwoot.codes import SEALED
from chatwoot.verify import HINT_SOURCE
from crm.core.vault import Seal
from crm.passcodes.rules import MASK
from tests import builders
from tests.integration.intake.test_passcodes import found, look, put, state

WORDS = "Hi, my password is Zebra7741, bye"


def says(mendline, number: int, words: str) -> None:
    contact = mendline.thread(number)["meta"]["sender"]["id"]
    assert mendline.writes(contact, words) == number
    mendline.settle()


def note_of(mendline, number: int) -> str:
    (note,) = [one for one in mendline.notes(number) if "hidden in Mendline" in one]
    return note


def test_a_code_is_hidden_kept_and_told(mendline, bench, thread, db, capsys):
    number, ref = thread
    says(mendline, number, WORDS)
    assert f"Hi, my password is {MASK}, bye" in mendline.column("SELECT body FROM ticket_messages")
    assert found(db, "Zebra7741") == []
    note = note_of(mendline, number)
    assert f"passcode box of {ref}" in note and "delete it" in note and "Zebra7741" not in note
    told = state(bench, ref)
    assert (told["has_passcode"], told["is_from_chat"], told["set_by"]) == (
        True, True, "Ilse Brandt",
    )  # fmt: skip
    assert look(bench, ref).json == {"kind": "password", "value": "Zebra7741"}
    bodies = b"".join(mendline.column("SELECT body FROM inbox"))
    assert b"Zebra" not in bodies and b"sealed_codes" not in bodies
    printed = capsys.readouterr()
    assert "Zebra7741" not in printed.out + printed.err
    assert mendline.unfinished() == []


def test_the_row_that_waits_holds_it_sealed_only(mendline, db):
    number = mendline.open_thread()
    contact = mendline.thread(number)["meta"]["sender"]["id"]
    mendline.writes(contact, WORDS)
    assert mendline.courier.wait_until_idle(10)
    assert mendline.count("inbox", "state = 'pending'") >= 1
    assert found(db, "Zebra7741") == []


def test_a_first_message_hides_it_in_the_subject_too(mendline, db):
    number = mendline.open_thread("PIN: 993377 for my phone")
    assert found(db, "993377") == []
    assert "no open repair" in note_of(mendline, number)
    assert mendline.count("passcodes") == 0


def test_several_open_repairs_keep_nothing(mendline, role, thread, db):
    number, _ = thread
    ticket = mendline.one("SELECT ref FROM tickets")
    role("desk")("POST", "/repairs", json={"device": "iPad", "ticket": ticket})
    mendline.settle()
    says(mendline, number, WORDS)
    assert "several open repairs" in note_of(mendline, number)
    assert (mendline.count("passcodes"), found(db, "Zebra7741")) == (0, [])


def test_of_several_repairs_the_one_talked_about_keeps_it(mendline, role, bench, thread):
    number, ref = thread
    ticket = mendline.one("SELECT ref FROM tickets")
    role("desk")("POST", "/repairs", json={"device": "iPad", "ticket": ticket})
    mendline.settle()
    mendline.agent(number, f"!about {ref}", private=True)
    mendline.settle()
    says(mendline, number, WORDS)
    assert f"passcode box of {ref}" in note_of(mendline, number)
    assert look(bench, ref).json["value"] == "Zebra7741"
    says(mendline, number, "The iPad has PIN: 993377")
    other = mendline.one("SELECT ref FROM repairs WHERE device = 'iPad'")
    assert look(bench, other).json["value"] == "993377"


def test_what_staff_wrote_down_stays(mendline, bench, thread):
    number, ref = thread
    put(bench, ref, "pin", "112233")
    says(mendline, number, WORDS)
    assert "staff wrote down" in note_of(mendline, number)
    assert look(bench, ref).json["value"] == "112233"


def test_a_later_message_puts_the_code_right(mendline, bench, thread):
    number, ref = thread
    says(mendline, number, "passcode is 482133")
    says(mendline, number, "sorry, the passcode is 482155")
    assert look(bench, ref).json == {"kind": "pin", "value": "482155"}


def test_ordinary_words_are_left_alone(mendline, thread):
    number, _ = thread
    words = "Is £120 for 2 screens ok? The code I got by SMS is 123456, call 07700 900123"
    says(mendline, number, words)
    assert words in mendline.column("SELECT body FROM ticket_messages")
    assert not any("hidden" in note for note in mendline.notes(number))


def test_agents_words_are_left_alone(mendline, thread):
    number, _ = thread
    mendline.agent(number, "The password is Sesame99 for our Wi-Fi")
    mendline.settle()
    assert any("Sesame99" in body for body in mendline.column("SELECT body FROM ticket_messages"))


def test_a_message_found_by_reconcile_is_hidden_too(mendline, bench, thread, db):
    number, ref = thread
    contact = mendline.thread(number)["meta"]["sender"]["id"]
    mendline.faults.change({"webhook_drop": 1})
    try:
        mendline.writes(contact, WORDS)
        assert mendline.courier.wait_until_idle(10)
    finally:
        mendline.faults.reset()
    assert mendline.count("ticket_messages", f"body LIKE '%{MASK}%'") == 0
    mendline.reconcile()
    mendline.settle()
    assert found(db, "Zebra7741") == []
    assert look(bench, ref).json["value"] == "Zebra7741"
    mendline.reconcile()
    mendline.settle()
    rows = mendline.count("inbox")
    mendline.reconcile()
    mendline.settle()
    assert mendline.count("inbox") == rows, "what is masked here looks changed over there"


def test_an_event_cannot_bring_sealed_codes_of_its_own(mendline):
    number = mendline.open_thread()
    person = builders.contact()
    body = builders.message(builders.conversation(number, sender=person), "hello")
    mendline.hear("message_created", body | {"mendline_sealed_codes": "gAAAAA"})
    mendline.take_in()
    assert mendline.count("inbox", "state <> 'done'") == 0
    assert b"sealed_codes" not in b"".join(mendline.column("SELECT body FROM inbox"))


def test_a_change_that_comes_twice_is_known_again(mendline):
    """Under a fresh delivery id only the content tells; sealing must not make it look new."""
    conversation = builders.conversation(7701)
    said = builders.message(conversation, WORDS)
    first = mendline.hear("message_updated", said)
    again = mendline.hear("message_updated", said)
    assert (first.json["status"], again.json["status"]) == ("accepted", "duplicate")


def test_a_lost_key_costs_the_code_and_not_the_message(mendline, bench, thread):
    number, ref = thread
    contact = mendline.thread(number)["meta"]["sender"]["id"]
    mendline.writes(contact, WORDS)
    assert mendline.courier.wait_until_idle(10)
    sealed = Seal(["another key"]).close([["password", "Zebra7741"]]).decode()
    for number_, body in mendline.table("SELECT id, body FROM inbox WHERE state = 'pending'"):
        told = json.loads(bytes(body))
        if SEALED in told:
            with mendline.units() as uow:
                uow.connection.exec_driver_sql(
                    "UPDATE inbox SET body = %s WHERE id = %s",
                    (json.dumps(told | {SEALED: sealed}).encode(), number_),
                )
    mendline.settle()
    assert f"Hi, my password is {MASK}, bye" in mendline.column("SELECT body FROM ticket_messages")
    assert b"sealed_codes" not in b"".join(mendline.column("SELECT body FROM inbox"))
    assert not state(bench, ref)["has_passcode"] and mendline.unfinished() == []


def test_a_hint_keeps_no_code(mendline, thread):
    number, _ = thread
    body = {"event": "message_created", "id": 990_001, SEALED: "gAAAA"}
    with mendline.units() as uow:
        uow.connection.exec_driver_sql(
            "INSERT INTO inbox SELECT (jsonb_populate_record(inbox, %s)).* FROM inbox"
            " WHERE type = 'message_created' LIMIT 1",
            (json.dumps({"id": 990_001, "source": HINT_SOURCE, "external_key": "hint-1",
                         "delivery_id": "hint-1", "event_id": "hint-1", "state": "pending",
                         "done_at": None, "body": "\\x" + json.dumps(body).encode().hex()}),),
        )  # fmt: skip
    mendline.settle()
    assert b"sealed_codes" not in b"".join(
        bytes(one) for one in mendline.column("SELECT body FROM inbox WHERE body IS NOT NULL")
    )
    assert mendline.unfinished() == []
