"""Delays told by people and by systems."""

from datetime import timedelta

import pytest
from sqlalchemy import text

from tests import builders
from tests.integration.promises.conftest import Bench, today


def delay(bench: Bench, ref: str, role: str = "desk", **body):
    return bench.call("POST", f"/repairs/{ref}/delay", role, json={"reason": "part_late", **body})


def test_a_delay_reaches_the_thread_and_the_history(bench):
    ref, number = bench.in_thread(estimated_completion=today().isoformat())
    day = today() + timedelta(days=6)
    answer = delay(bench, ref, new_date=day.isoformat(), note="The courier lost it.")
    assert answer.status_code == 201, answer.text
    assert answer.json["outcome"] == "delay" and answer.json["details"]["reason"] == "part_late"
    bench.service.settle()
    told = bench.service.told(number)[-1]
    assert "takes longer" in told and "A part that your device needs" in told
    assert "The courier lost it." in told and str(day.year) in told
    assert bench.call("GET", f"/repairs/{ref}").json["estimated_completion"] == day.isoformat()
    assert f"delay: part late, new date {day.isoformat()}" in bench.service.notes(number)[-1]
    assert not bench.service.unfinished()


def test_in_the_customers_language_and_without_a_date(bench):
    number = bench.service.open_thread()
    ref = bench.take_in(conversation_id=number)
    with bench.service.units() as uow:
        uow.session.execute(text("UPDATE customers SET locale = 'pt-PT'"))
    assert delay(bench, ref, reason="technician_away").status_code == 201
    bench.service.settle()
    told = bench.service.told(number)[-1]
    assert "demora mais" in told and "ausente" in told and "uma data" in told


def test_the_same_request_twice_tells_once(bench):
    ref, number = bench.in_thread()
    body = {"reason": "bench_full", "new_date": (today() + timedelta(days=9)).isoformat()}
    for replayed in (None, "true"):
        answer = bench.call("POST", f"/repairs/{ref}/delay", json=body,
                            headers={"Idempotency-Key": "late-1"})  # fmt: skip
        assert answer.status_code == 201
        assert answer.headers.get("Idempotency-Replayed") == replayed
    bench.service.settle()
    assert sum("takes longer" in one for one in bench.service.told(number)) == 1


@pytest.mark.parametrize(
    "body",
    [
        {"reason": "lazy"}, {"reason": None}, {}, {"reason": "other", "new_date": "soon"},
        {"reason": "other", "new_date": "2020-01-01"},
        {"reason": "other", "new_date": "9999-12-31"},
        {"reason": "other", "note": "x" * 10_000}, {"reason": "other", "note": "a\x00b"},
        {"reason": "other", "colour": "red"},
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused(bench, body):
    ref = bench.take_in()
    answer = bench.call("POST", f"/repairs/{ref}/delay", json=body)
    assert answer.status_code == 422, answer.text
    assert bench.service.count("delay_alerts") == 0


@pytest.mark.parametrize("note", ["<script>alert(1)</script>", "{{ 7 * 7 }}", "🙂"])
def test_hostile_notes_stay_text(bench, note):
    ref, number = bench.in_thread()
    assert delay(bench, ref, note=note).status_code == 201
    bench.service.settle()
    # Chatwoot would fill in `{{`; a sign without width keeps it apart.
    assert note in bench.service.told(number)[-1].replace("\u2060", "")


def test_a_note_does_not_turn_what_follows_it(bench):
    ref, number = bench.in_thread()
    assert delay(bench, ref, note="\u202eelbuort").status_code == 201
    bench.service.settle()
    assert "Note from the workshop: elbuort\n" in bench.service.told(number)[-1]


def test_a_delay_is_later_and_of_work_under_way(bench):
    day = today() + timedelta(days=3)
    ref = bench.take_in(estimated_completion=day.isoformat())
    answer = delay(bench, ref, new_date=day.isoformat())
    assert answer.status_code == 422 and "later" in answer.text
    bench.call("PATCH", f"/repairs/{ref}", json={"flags": ["cancelled"]})
    assert delay(bench, ref).json["code"] == "no-promise"
    assert delay(bench, bench.take_in(status="ready_pickup")).status_code == 409
    assert delay(bench, ref, "viewer").status_code == 403
    with bench.service.units() as uow:
        foreign = builders.repair(uow, owner_key="key_other", external_id="A1").ref
    assert delay(bench, foreign, "shop").status_code == 404
