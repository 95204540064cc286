"""Writing to us from the tracking page: into the thread, once, whatever is written, and not too often."""

from __future__ import annotations

import re

import pytest
from werkzeug.test import TestResponse

from crm.notifications.markdown import quoted
from tests.integration.intake.test_passcodes import found
from tests.integration.tracking.conftest import Tracked
from tests.service import Service


@pytest.fixture
def number(mendline: Service) -> int:
    return mendline.open_thread()


@pytest.fixture
def talked_about(mendline: Service, number: int) -> Tracked:
    """A repair of the customer whose conversation `number` is."""
    customer = mendline.one("SELECT customer_id FROM conversations WHERE number = :n", n=number)
    tracked = Tracked(mendline, customer_id=customer)
    mendline.settle()
    return tracked


def write(tracked: Tracked, text: str, form: str = "f1", **headers: str) -> TestResponse:
    return tracked.service.http.post(
        tracked.path, data={"text": text, "form": form}, headers=headers
    )


def written(service: Service) -> list[str]:
    return service.column(
        "SELECT body FROM ticket_messages WHERE details->>'via' = 'tracking_page' ORDER BY id"
    )


def test_it_reaches_the_agents_of_the_same_thread(mendline, talked_about, number):
    answer = write(talked_about, "Can you also look at the camera?\r\nThank you")
    mendline.settle()

    assert answer.status_code == 303
    assert "Thank you! Your message has arrived" in mendline.http.get(answer.location).text
    assert written(mendline) == ["Can you also look at the camera?\nThank you"]
    (note,) = [one for one in mendline.notes(number) if "camera" in one]
    assert talked_about.ref in note
    assert not any("camera" in one for one in mendline.told(number))


def test_a_settled_thread_is_opened_for_it(mendline, talked_about, number):
    mendline.account.toggle_status(number, "resolved")
    mendline.settle()
    write(talked_about, "It fails again")
    mendline.settle()
    assert mendline.thread(number)["status"] == "open"
    assert mendline.one("SELECT status FROM tickets") == "open"


def test_pressed_twice_it_arrives_once_but_other_words_are_never_lost(
    mendline, talked_about, number
):
    for _ in range(2):
        assert write(talked_about, "Hello?").status_code == 303
    write(talked_about, "Hello again")
    write(talked_about, "Hello?", form="f2")
    mendline.settle()
    assert written(mendline) == ["Hello?", "Hello again", "Hello?"]
    assert len([one for one in mendline.notes(number) if "Hello" in one]) == 3


def test_without_a_thread_it_waits_in_a_ticket_or_the_history(mendline, tracked):
    write(tracked, "Nobody knows me")
    write(tracked, "Nobody knows me")
    kept = "SELECT internal_note FROM repair_history WHERE outcome = 'note'"
    assert mendline.column(kept) == ["Nobody knows me"]

    customer = mendline.one(
        "INSERT INTO customers (ref, name, created_at, updated_at) "
        "VALUES ('CUS-1', 'Ilse', now(), now()) RETURNING id"
    )
    known = Tracked(mendline, customer_id=customer)
    write(known, "Somebody knows me")
    assert written(mendline) == ["Somebody knows me"]
    assert mendline.one("SELECT source FROM tickets") == "tracking_page"


def test_words_from_before_there_was_a_thread_follow_into_it(mendline, number):
    customer = mendline.one(
        "INSERT INTO customers (ref, name, created_at, updated_at) "
        "VALUES ('CUS-2', 'Ilse', now(), now()) RETURNING id"
    )
    tracked = Tracked(mendline, customer_id=customer)
    write(tracked, "I was early")
    mendline.agent(number, f"!link {tracked.ref}", private=True)
    mendline.settle()
    mendline.settle()
    assert len([one for one in mendline.notes(number) if "I was early" in one]) == 1


@pytest.mark.parametrize("text", ["", "   \r\n", "\0"])
def test_nothing_is_asked_for_again(mendline, tracked, text):
    answer = write(tracked, text)
    assert answer.status_code == 422
    assert "Write a few words first" in answer.text
    assert mendline.count("ticket_messages") == 0


def test_what_is_too_long_stays_in_the_form(mendline, talked_about):
    answer = write(talked_about, "x" * 10_000)
    assert answer.status_code == 422
    assert "more than 2,000 signs" in answer.text and "x" * 2_001 in answer.text
    assert written(mendline) == []
    assert write(talked_about, "é" * 2_000).status_code == 303


@pytest.mark.parametrize(
    "text",
    ["<script>alert(1)</script>", "{{ 7 * 7 }} {% raw %}", "📱" * 500, "‮שלום", "!status delivered"],
)
def test_hostile_words_are_words(mendline, talked_about, number, text):
    write(talked_about, text)
    mendline.settle()
    assert written(mendline) == [text]
    # Chatwoot computes what stands in braces, so a sign nobody sees keeps them apart there; one
    # that turns the direction of what follows is left out.
    shown = [one.replace("\u200b", "").replace("\u2060", "") for one in mendline.notes(number)]
    assert any(quoted(text.lstrip("\u202e")) in one for one in shown)
    assert talked_about.repair().status == "received"
    again = write(talked_about, text + "x" * 2_000)
    assert re.search(r"<textarea.*?</textarea>", again.text, re.DOTALL)[0].count("<script") == 0


def test_five_an_hour_and_the_words_stay(mendline, talked_about):
    statuses = [write(talked_about, f"message {n}", form=f"f{n}").status_code for n in range(6)]
    assert statuses == [303] * 5 + [429]
    last = write(talked_about, "my long story", form="f9")
    assert "five times within an hour" in last.text and "my long story" in last.text
    assert len(written(mendline)) == 5


def test_other_sites_cannot_write(mendline, talked_about):
    answer = write(talked_about, "from elsewhere", **{"Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 403
    assert written(mendline) == []


def test_a_link_that_opens_nothing_takes_nothing(mendline):
    assert mendline.http.post("/track/x", data={"text": "a", "form": "b"}).status_code == 404
    assert mendline.count("ticket_messages") == 0


def test_a_device_code_is_hidden_and_kept(mendline, talked_about, number, db):
    write(talked_about, "By the way, my passcode is 739218, thanks")
    mendline.settle()
    assert written(mendline) == ["By the way, my passcode is ••••, thanks"]
    (note,) = [one for one in mendline.notes(number) if "By the way" in one]
    assert "••••" in note and "passcode box" in note
    assert mendline.count("passcodes", "is_from_chat") == 1
    assert found(db, "739218") == []
