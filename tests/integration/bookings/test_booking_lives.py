"""Bookings through the API: from a draft to a repair, and every way out."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from icalendar import Calendar
from sqlalchemy import text

from crm.bookings import service
from tests.integration.bookings.conftest import Shop

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def test_a_guest_books_proves_and_has_the_slot(shop: Shop):
    made = shop.book(None)
    assert (made["status"], made["customer"]) == ("pending", None)
    assert "10:00" not in shop.slots()
    path = f"/bookings/{made['token']}/confirm"
    wrong = "000000" if shop.code() != "000000" else "111111"
    assert shop.call("POST", path, json={"code": wrong}).json["code"] == "wrong-code"
    firm = shop.call("POST", path, json={"code": shop.code()}).json
    assert firm["status"] == "confirmed"
    assert firm["customer"]
    again = shop.call("POST", path, json={"code": "123456"})
    assert again.json["status"] == "confirmed"
    proven = shop.rows("SELECT kind, is_proven FROM customer_keys")
    assert proven == [("email", True)]


def test_a_code_ends_after_five_wrong_tries_and_is_stored_nowhere_in_the_clear(shop: Shop):
    made, code = shop.book(None), shop.code()
    path = f"/bookings/{made['token']}/confirm"
    wrong = "000000" if code != "000000" else "111111"
    for _ in range(5):
        assert shop.call("POST", path, json={"code": wrong}).json["code"] == "wrong-code"
    assert shop.call("POST", path, json={"code": code}).json["code"] == "code-used-up"
    (body, state) = shop.rows(
        "SELECT body, state FROM notifications WHERE sealed_body IS NOT NULL"
    )[0]
    assert code not in body
    assert state == "no_channel"
    assert shop.call("POST", f"/bookings/{made['token']}/code").status_code == 200
    assert shop.call("POST", path, json={"code": shop.code()}).json["status"] == "confirmed"


def test_an_expired_code_is_refused(shop: Shop):
    made = shop.book(None)
    with shop.parts.units() as uow:
        uow.session.connection().exec_driver_sql(
            "UPDATE booking_proofs SET expires_at = now() - interval '1 second'"
        )
    answer = shop.call("POST", f"/bookings/{made['token']}/confirm", json={"code": shop.code()})
    assert answer.json["code"] == "code-expired"


def test_an_unproven_slot_goes_back_and_may_be_lost(shop: Shop):
    late = shop.book(None)
    with shop.parts.units() as uow:
        uow.session.connection().exec_driver_sql(
            "UPDATE bookings SET held_until = now() - interval '1 minute'"
        )
    assert "10:00" in shop.slots()
    shop.book("desk", name="Somebody Else")
    answer = shop.call("POST", f"/bookings/{late['token']}/confirm", json={"code": shop.code()})
    assert (answer.status_code, answer.json["code"]) == (409, "slot-taken")


def test_a_late_proof_of_a_free_slot_still_counts(shop: Shop):
    late = shop.book(None)
    with shop.parts.units() as uow:
        uow.session.connection().exec_driver_sql(
            "UPDATE bookings SET held_until = now() - interval '1 minute'"
        )
    answer = shop.call("POST", f"/bookings/{late['token']}/confirm", json={"code": shop.code()})
    assert answer.json["status"] == "confirmed"
    assert "10:00" not in shop.slots()


def test_a_draft_is_resumed_by_its_link_and_submitted(shop: Shop):
    draft = shop.call("POST", "/bookings", json={"name": "Ilse"}).json
    assert draft["status"] == "draft"
    path = f"/bookings/{draft['token']}"
    missing = shop.call("POST", f"{path}/submit")
    assert set(missing.json["errors"]) == {"devices", "starts_at", "email"}
    rest = shop.body(email="ilse@example.org", services=["express"], way="post",
                     hand_over={"parcel": {"carrier": "DHL", "number": "1"}})  # fmt: skip
    changed = shop.call("PATCH", path, json=rest).json
    assert (changed["fee_minor"], changed["minutes"]) == (3400, 60)
    assert "hand_over" in shop.call("POST", f"{path}/submit").json["errors"]
    address = {"street": "Quay 1", "postal_code": "1", "city": "Hull", "country": "GB"}
    shop.call("PATCH", path, json={"hand_over": {"address": address}})
    assert shop.call("POST", f"{path}/submit").json["status"] == "pending"
    assert shop.call("PATCH", path, json={"note": "x"}).json["code"] == "booking-pending"
    assert shop.call("GET", path + "x").status_code == 404
    assert shop.call("GET", f"/bookings/{draft['ref']}").status_code == 404


def test_reminders_follow_a_move_and_end_with_a_cancel(shop: Shop):
    made = shop.confirmed()
    path = f"/bookings/{made['ref']}"
    waiting = (
        "SELECT not_before, deadline_at FROM notifications "
        "WHERE template = 'booking_reminder' AND state <> 'cancelled' ORDER BY id"
    )
    starts_at = datetime.fromisoformat(made["starts_at"])
    before = [(starts_at - due, starts_at - ends) for due, ends in shop.rows(waiting)]
    # The first is worth sending until the second takes over.
    assert before == [(DAY, 2 * HOUR), (2 * HOUR, 0 * HOUR)]
    moved = shop.call("POST", f"{path}/reschedule", "desk", json={"starts_at": shop.at(14)}).json
    assert moved["sequence"] == 1
    assert shop.rows(waiting)[-1].deadline_at == datetime.fromisoformat(moved["starts_at"])
    assert "10:00" in shop.slots()
    assert "14:00" not in shop.slots()
    kinds = [entry["kind"] for entry in moved["history"]]
    assert kinds == [
        "booking.drafted",
        "booking.received",
        "booking.confirmed",
        "booking.rescheduled",
    ]
    gone = shop.call("POST", f"{path}/cancel", "desk", json={"reason": "ill"}).json
    assert (gone["status"], gone["sequence"]) == ("cancelled", 2)
    assert shop.rows(waiting) == []
    assert "14:00" in shop.slots()
    assert shop.call("POST", f"{path}/cancel", "desk").json["sequence"] == 2
    refused = shop.call("POST", f"{path}/reschedule", "desk", json={"starts_at": shop.at(15)})
    assert refused.json["code"] == "booking-cancelled"


@pytest.mark.parametrize(
    ("ahead", "reminded"), [(DAY + 4 * HOUR, 2), (DAY + HOUR, 1), (4 * HOUR, 0)]
)
def test_who_was_told_so_just_now_is_not_reminded(shop: Shop, ahead, reminded):
    made = shop.book("desk")
    with shop.parts.units() as uow:
        uow.session.execute(
            text("UPDATE bookings SET starts_at = now() + :ahead, ends_at = now() + 2 * :ahead"),
            {"ahead": ahead},
        )
    assert shop.call("POST", f"/bookings/{made['ref']}/confirm", "desk").status_code == 200
    sent = shop.rows("SELECT id FROM notifications WHERE template = 'booking_reminder'")
    assert len(sent) == reminded


def test_the_words_are_in_the_customers_language(shop: Shop):
    made = shop.confirmed()
    wish = {"language": "pt"}
    path = f"/customers/{made['customer']}/communication-preferences"
    assert shop.call("PUT", path, "desk", json=wish).status_code == 200
    path = f"/bookings/{made['ref']}/reschedule"
    assert shop.call("POST", path, "desk", json={"starts_at": shop.at(14)}).status_code == 200
    told = "SELECT template, locale FROM notifications WHERE state <> 'cancelled' ORDER BY id"
    assert shop.rows(told)[-3:] == [
        ("booking_rescheduled", "pt"), ("booking_reminder", "pt"), ("booking_reminder", "pt"),
    ]  # fmt: skip


def test_a_move_to_a_taken_slot_keeps_the_old_one(shop: Shop):
    mine = shop.confirmed(10)
    shop.confirmed(14)
    answer = shop.call(
        "POST", f"/bookings/{mine['ref']}/reschedule", "desk", json={"starts_at": shop.at(14)}
    )
    assert answer.json["code"] == "slot-taken"
    assert "10:00" not in shop.slots()
    assert (
        shop.call("GET", f"/bookings/{mine['ref']}", "viewer").json["starts_at"]
        == mine["starts_at"]
    )


def test_the_calendar_entry_keeps_its_uid_and_is_cancelled(shop: Shop):
    made = shop.confirmed()

    def entry():
        answer = shop.call("GET", f"/bookings/{made['token']}.ics")
        assert answer.content_type.startswith("text/calendar")
        calendar = Calendar.from_ical(answer.data)
        (event,) = calendar.walk("VEVENT")
        return calendar["METHOD"], event

    method, first = entry()
    assert (method, first["SEQUENCE"]) == ("PUBLISH", 0)
    assert (
        first.decoded("DTSTART").isoformat() == shop.at(10) or first.decoded("DTSTART").hour == 10
    )
    shop.call(
        "POST", f"/bookings/{made['ref']}/reschedule", "desk", json={"starts_at": shop.at(11)}
    )
    _, second = entry()
    shop.call("POST", f"/bookings/{made['ref']}/cancel", "desk")
    method, third = entry()
    assert method == "CANCEL"
    assert third["STATUS"] == "CANCELLED"
    assert [e["SEQUENCE"] for e in (first, second, third)] == [0, 1, 2]
    assert first["UID"] == second["UID"] == third["UID"]


@pytest.mark.parametrize("owner", ["/locations/quay", "/technicians/1"])
def test_a_feed_opens_by_its_secret_address_until_it_is_ended(shop: Shop, owner: str):
    made = shop.confirmed()
    first = shop.call("POST", f"{owner}/feed", "manager").json["url"].split("/api/v1")[1]
    second = shop.call("POST", f"{owner}/feed", "manager").json["url"].split("/api/v1")[1]
    assert shop.call("GET", first).status_code == 404
    answer = shop.call("GET", second)
    (event,) = Calendar.from_ical(answer.data).walk("VEVENT")
    assert made["ref"] in event["SUMMARY"]
    assert "Ilse" not in answer.text
    assert "ilse@" not in answer.text
    token = second.split("/")[-1].removesuffix(".ics")
    assert shop.rows(
        "SELECT count(*) FROM locations l, technicians t "
        "WHERE l.feed_hash = :t OR t.feed_hash = :t",
        t=token,
    ) == [(0,)]
    assert shop.call("DELETE", f"{owner}/feed", "manager").status_code == 204
    assert shop.call("GET", second).status_code == 404


def test_a_check_in_makes_one_repair_a_device_and_done_work_frees_the_bench(shop: Shop):
    devices = [
        {"model": "iphone-13", "repair_types": ["screen"]},
        {"category": "macbook", "name": "Old one", "problem": "wet"},
    ]
    made = shop.confirmed(devices=devices)
    assert shop.call("POST", f"/bookings/{made['ref']}/check-in", "viewer").status_code == 403
    done = shop.call("POST", f"/bookings/{made['ref']}/check-in", "technician").json
    assert done["status"] == "checked_in"
    refs = [device["repair"] for device in done["devices"]]
    repair = shop.call("GET", f"/repairs/{refs[1]}", "viewer").json
    assert (repair["device"], repair["problem"]) == ("Old one", "wet")
    assert repair["estimated_completion"] == shop.day.isoformat()
    assert repair["customer"] == done["customer"]
    shop.call("POST", f"/bookings/{made['ref']}/check-in", "technician")
    assert shop.rows("SELECT count(*) FROM repairs") == [(2,)]
    for ref in refs:
        assert "10:00" not in shop.slots()
        shop.call("POST", f"/repairs/{ref}/updates", "technician", json={"status": "completed"})
    assert "10:00" in shop.slots()


def test_nobody_is_missed_before_the_slot_began(shop: Shop):
    made = shop.confirmed()
    path = f"/bookings/{made['ref']}/no-show"
    assert shop.call("POST", path, "desk").json["code"] == "not-yet"
    with shop.parts.units() as uow:
        uow.session.connection().exec_driver_sql(
            "UPDATE bookings SET starts_at = now() - interval '1 hour'"
        )
    assert shop.call("POST", path, "desk").json["status"] == "no_show"
    assert "10:00" in shop.slots()


def test_the_same_request_twice_books_once(shop: Shop):
    headers = {"Idempotency-Key": "one"}
    first = shop.call("POST", "/bookings", json=shop.body(), headers=headers)
    second = shop.call("POST", "/bookings", json=shop.body(), headers=headers)
    assert first.json == second.json
    assert second.headers["Idempotency-Replayed"] == "true"
    other = shop.call("POST", "/bookings", json=shop.body(11), headers=headers)
    assert other.json["code"] == "key-reused"


def test_what_nobody_proves_ends_after_a_day(shop: Shop):
    made = shop.book(None)
    assert made["status"] == "pending"
    for hours, left in ((23, "pending"), (25, "cancelled")):
        with shop.parts.units() as uow:
            uow.connection.exec_driver_sql(
                f"UPDATE bookings SET held_until = now() - interval '{hours} hours'"
            )
        with shop.parts.units() as uow:
            service.lapse(uow)
        assert shop.rows("SELECT status FROM bookings") == [(left,)]
    assert "10:00" in shop.slots()
