"""The survey: by its link alone, one answer a repair, from the page or from Chatwoot."""

from __future__ import annotations

import html
from concurrent.futures import ThreadPoolExecutor

import pytest

from crm.privacy import erasing
from tests import builders
from tests.integration.intake.acts import move

RTL = "\u202egnp.exe"
HOSTILE = ("<script>alert(1)</script>", "{{ 7 * 7 }}", RTL, "😀" * 500, "a\x00b", "' OR 1=1 --")


def test_opening_the_link_never_answers(delivered):
    for _ in range(3):
        page = delivered.service.http.get(delivered.path + "?rating=5")
        assert page.status_code == 200 and delivered.ref in page.text
    assert page.headers["Cache-Control"] == "no-store" and "Ilse" not in page.text
    assert delivered.service.http.head(delivered.path).status_code == 200
    assert delivered.surveys() == []


def test_one_tap_then_words_then_another_mind(delivered):
    delivered.due()
    delivered.round()
    assert delivered.answer(rating=4).status_code == 303
    assert delivered.surveys("rating, technician, locale") == [(4, "Rosa", "en")]
    assert delivered.state() == "completed" and delivered.state("review_request") == "pending"
    said = delivered.answer(text="  Quick\r\nand kind ")
    assert said.status_code == 303 and said.location.endswith("said=1")
    assert delivered.answer(rating=5).status_code == 303
    assert delivered.surveys() == [(5, "Quick\nand kind", "page")]
    delivered.write("UPDATE surveys SET at = at - interval '25 hours'")
    late = delivered.answer(rating=1)
    assert late.status_code == 409 and "more than a day ago" in late.text
    assert delivered.answer(text="later").status_code == 409
    assert delivered.surveys() == [(5, "Quick\nand kind", "page")]
    assert "<button name=" not in delivered.service.http.get(delivered.path).text


def test_two_first_taps_make_one_survey(delivered):
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda mark: delivered.answer(rating=mark), (3, 4, 3, 4)))
    assert {one.status_code for one in answers} == {303} and len(delivered.surveys()) == 1


def test_a_low_mark_is_told_to_staff_and_still_asked_for_a_review(delivered):
    assert delivered.answer(rating=2).status_code == 303
    delivered.answer(text="Still flickers")
    delivered.answer(text="Still flickers")
    delivered.service.settle()
    assert delivered.service.table("SELECT priority, status FROM tickets") == [("high", "open")]
    notes = [one for one in delivered.service.notes(delivered.number) if "2 of 5" in one]
    assert len(notes) == 2 and "Still flickers" in notes[1]
    assert not any("2 of 5" in one for one in delivered.service.told(delivered.number))
    delivered.due("review_request")
    assert delivered.round() == 1 and len(delivered.asked("short review")) == 1


def test_a_low_mark_opens_a_ticket_where_there_is_none(after, bench, wish):
    wish()
    with after.service.units() as uow:
        after.ref = builders.repair(uow, builders.customer(uow, name="Quiet").id).ref
    move(bench, after.ref, "ready_pickup")
    move(bench, after.ref, "delivered")
    assert after.answer(rating=1).status_code == 303
    (told,) = after.service.table("SELECT priority, subject FROM tickets WHERE source = 'survey'")
    assert told[0] == "high" and after.ref in told[1]
    after.answer(rating=2)
    assert after.service.count("tickets", "source = 'survey'") == 1


@pytest.mark.parametrize("rating", ["0", "6", "-1", "5.0", "٥", "", "five", "5" * 10_000])
def test_what_is_no_mark_is_refused(delivered, rating):
    answer = delivered.answer(rating=rating)
    assert answer.status_code == 422 and 'role="alert"' in answer.text
    assert delivered.surveys() == []


def test_hostile_words_are_kept_as_words(delivered):
    assert delivered.answer(text="first?").status_code == 409
    delivered.answer(rating=3)
    for words in HOSTILE:
        assert delivered.answer(text=words).status_code == 303
        kept = words.replace("\x00", "")
        assert delivered.surveys("comment") == [(kept,)]
        page = delivered.service.http.get(delivered.path).text
        assert html.escape(kept, quote=True).replace("&#x27;", "&#39;") in page
        assert "<script>alert" not in page
    for words, status in (("x" * 10_000, 422), ("   ", 422)):
        assert delivered.answer(text=words).status_code == status


def test_links_that_open_nothing(delivered):
    path = delivered.path
    for bad in (path[:-1], path + "x", "/survey/", "/survey/abc", "/survey/" + "x" * 5000):
        assert delivered.service.http.get(bad).status_code == 404
        assert delivered.service.http.post(bad, data={"rating": 5}).status_code in (404, 405)
    foreign = delivered.service.http.post(
        path, data={"rating": 5}, headers={"Sec-Fetch-Site": "cross-site"}
    )
    assert foreign.status_code == 403 and delivered.surveys() == []


def test_too_often_is_told_kindly(delivered):
    answers = [delivered.answer(rating=4).status_code for _ in range(31)]
    assert answers[:30] == [303] * 30 and answers[30] == 429


def rated(after, rating: int, words: str | None = "quick") -> None:
    """The customer answers Chatwoot's survey in the thread."""
    contact = after.service.one("SELECT contact_id FROM conversations")
    thread = builders.conversation(after.number, sender=builders.contact(contact))
    survey = builders.message(thread, "Please rate", kind="template", content_type="input_csat")
    after.service.hear("message_created", survey)
    answer = {"csat_survey_response": {"rating": rating, "feedback_message": words}}
    for _ in range(2):
        after.service.hear(
            "message_updated", survey | {"content_attributes": {"submitted_values": answer}}
        )
    after.service.settle()


def test_chatwoots_survey_counts_for_the_only_repair(delivered):
    rated(delivered, 2)
    assert delivered.surveys() == [(2, "quick", "chatwoot")]
    assert delivered.service.one("SELECT priority FROM tickets") == "high"
    assert delivered.service.one("SELECT rating FROM tickets") == 2
    delivered.due()
    assert delivered.round() == 0 and delivered.state() == "completed"
    assert delivered.asked() == []


def test_chatwoots_survey_of_no_single_repair_is_the_tickets(after, delivered, role, bench):
    ticket = after.service.one("SELECT ref FROM tickets")
    body = {"device": "Pixel 9", "ticket": ticket}
    other = role("desk")("POST", "/repairs", json=body).json["ref"]
    move(bench, other, "ready_pickup")
    move(bench, other, "delivered")
    rated(after, 5)
    assert after.surveys() == [] and after.service.one("SELECT rating FROM tickets") == 5
    after.write("UPDATE repairs SET status_at = now() - interval '31 days' WHERE ref = :r", r=other)
    rated(after, 4)
    assert after.surveys() == [(4, "quick", "chatwoot")]


def test_who_is_erased_leaves_the_mark_and_no_words(delivered):
    delivered.answer(rating=1)
    delivered.answer(text="I am Ilse Brandt")
    delivered.service.settle()
    ref = delivered.service.one("SELECT ref FROM customers")
    with delivered.service.units() as uow:
        erasing.erase(uow, ref, builders.STAFF)
    assert delivered.surveys("rating, comment, ticket_id") == [(1, None, None)]
    assert delivered.states() == []
    assert delivered.service.http.get(delivered.path).status_code == 200
    # Nobody is there to be called any more.
    assert delivered.answer(rating=2).status_code == 303 and delivered.service.count("tickets") == 0
