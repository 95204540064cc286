"""Warranty from the handing over on, and devices that come back under it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from crm.warranties import rules

HOSTILE = ["", "x" * 2001, "\0", 7, None]


@pytest.fixture
def delivered(bench, repair) -> str:
    answer = bench("POST", f"/repairs/{repair}/updates", json={"status": "delivered"})
    assert answer.status_code == 201, answer.text
    return repair


def warranty(bench, ref: str) -> dict:
    answer = bench("GET", f"/repairs/{ref}/warranty")
    assert answer.status_code == 200, answer.text
    return answer.json


def comes_back(role, ref: str, **body):
    return role("desk")("POST", f"/repairs/{ref}/come-backs", json={"reason": "flickers", **body})


def test_it_begins_when_the_device_is_handed_over(mendline, bench, repair):
    assert warranty(bench, repair)["lines"] == []
    bench("POST", f"/repairs/{repair}/updates", json={"status": "delivered", "technician": "Noor"})
    today = datetime.now(UTC).date()
    (line,) = warranty(bench, repair)["lines"]
    assert line == {
        "slug": "repair", "technician": "Noor", "started_on": line["started_on"],
        "work_until": line["work_until"], "part_until": line["part_until"], "is_covered": True,
    }  # fmt: skip
    assert abs((datetime.fromisoformat(line["started_on"]).date() - today).days) <= 1
    started = datetime.fromisoformat(line["started_on"]).date()
    assert line["part_until"] == rules.until(started, 12).isoformat()


def test_a_correction_and_another_handing_over_start_nothing_anew(mendline, bench, delivered):
    with mendline.units() as uow:
        uow.connection.exec_driver_sql("UPDATE warranty_lines SET started_on = '2026-01-05'")
    back = {"status": "testing", "reason": "mixed up"}
    assert bench("POST", f"/repairs/{delivered}/updates", json=back).status_code == 201
    bench("POST", f"/repairs/{delivered}/updates", json={"status": "delivered"})
    (line,) = warranty(bench, delivered)["lines"]
    assert line["started_on"] == "2026-01-05"


def test_a_device_comes_back_into_its_thread_without_a_price(mendline, bench, role, thread):
    number, ref = thread
    bench("POST", f"/repairs/{ref}/updates", json={"status": "delivered"})
    made = comes_back(role, ref)
    assert made.status_code == 201, made.text
    assert (made.json["estimate_minor"], made.json["problem"]) == (0, "flickers")
    mendline.settle()
    assert set(mendline.thread(number)["custom_attributes"]["repair_refs"].split(", ")) >= {
        made.json["ref"]
    }
    shown = warranty(bench, made.json["ref"])
    assert shown["original"] == ref
    assert warranty(bench, ref)["come_backs"] == [made.json["ref"]]
    assert any("come back" in note for note in mendline.notes(number))

    # Rework starts no warranty of its own, and coming back again names the first repair.
    again = comes_back(role, made.json["ref"])
    assert again.json["code"] == "come-back-open"
    bench("POST", f"/repairs/{made.json['ref']}/updates", json={"status": "delivered"})
    second = comes_back(role, made.json["ref"]).json["ref"]
    assert warranty(bench, second)["original"] == ref
    assert mendline.count("warranty_lines") == 1


def test_the_end_of_the_warranty_is_said(mendline, role, delivered):
    with mendline.units() as uow:
        uow.connection.exec_driver_sql(
            "UPDATE warranty_lines SET work_until = '2026-01-31', part_until = '2026-02-28'"
        )
    refused = comes_back(role, delivered)
    assert refused.status_code == 409
    assert refused.json["code"] == "warranty-over"
    assert "2026-02-28" in refused.json["detail"]
    assert mendline.count("come_backs") == 0
    assert mendline.count("repairs") == 1


def test_what_was_not_handed_over_or_not_done_is_refused(role, repair, bench):
    assert comes_back(role, repair).json["code"] == "not-delivered"
    bench("POST", f"/repairs/{repair}/updates", json={"status": "delivered"})
    wrong = comes_back(role, repair, lines=["battery"])
    assert (wrong.status_code, list(wrong.json["errors"])) == (422, ["lines"])


@pytest.mark.parametrize("reason", HOSTILE)
def test_hostile_reasons_change_nothing(mendline, role, delivered, reason):
    assert comes_back(role, delivered, reason=reason).status_code == 422
    assert comes_back(role, delivered, lines=["x"] * 21).status_code == 422
    assert mendline.count("come_backs") == 0


def test_words_are_kept_as_they_are(role, delivered, bench):
    words = "‮<script>alert(1)</script> {{ x }} 📱"
    assert comes_back(role, delivered, reason=words).json["problem"] == words


def test_viewers_read_and_take_nothing_in(role, delivered):
    viewer = role("viewer")
    assert viewer("GET", f"/repairs/{delivered}/warranty").status_code == 200
    body = {"reason": "flickers"}
    assert viewer("POST", f"/repairs/{delivered}/come-backs", json=body).status_code == 403
