"""Which slots are offered, what is refused, and races for one of them."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest

from tests.integration.bookings.conftest import GUEST, WEEK, Shop


def test_slots_fill_the_opening_hours_and_fit_before_closing(shop: Shop):
    offered = shop.slots()
    assert (offered[0], offered[-1], len(offered)) == ("09:00", "17:00", 17)
    long = shop.call("GET", "/slots", query_string={
        "date": shop.day.isoformat(), "category": "macbook", "repair_type": "liquid",
    }).json  # fmt: skip
    assert long["meta"]["minutes"] == 720
    last = long["data"][-1]
    assert last["local"][11:16] == "17:30"
    assert last["ends_at"] > (shop.day + timedelta(days=2)).isoformat()


def test_a_booking_takes_its_hours_and_no_more(shop: Shop):
    shop.book(hour=10)
    assert {"09:00", "11:00"} <= set(shop.slots())
    assert not {"09:30", "10:00", "10:30"} & set(shop.slots())


def test_long_work_runs_over_the_night(shop: Shop):
    made = shop.book(hour=9, devices=[{"category": "macbook", "repair_types": ["liquid"]}])
    assert made["ends_at"] == shop.at(12, days=1).replace("+00:00", ".000Z")
    assert shop.slots() == []
    assert shop.slots(date=(shop.day + timedelta(days=1)).isoformat())[0] == "12:00"


def test_a_closed_day_and_a_free_day_of_the_technician_have_no_slots(shop: Shop):
    day = shop.day.isoformat()
    shop.call("POST", "/locations/quay/closures", "manager", json={"date": day})
    assert shop.slots() == []
    refused = shop.call("POST", "/bookings", "desk", json=shop.body())
    assert (refused.status_code, refused.json["code"]) == (422, "closed")
    assert shop.call("DELETE", f"/locations/quay/closures/{day}", "manager").status_code == 204
    assert shop.slots()
    assert (
        shop.call("PUT", f"/technicians/1/exceptions/{day}", "manager", json={}).status_code == 200
    )
    assert shop.slots() == []
    half = {"location": "quay", "starts_at": "12:00", "ends_at": "14:00"}
    shop.call("PUT", f"/technicians/1/exceptions/{day}", "manager", json=half)
    assert shop.slots() == ["12:00", "12:30", "13:00"]


def test_a_technician_does_what_they_have_learnt(shop: Shop):
    shop.call("PATCH", "/technicians/1", "manager", json={"skills": ["macbook"]})
    assert shop.slots() == []
    assert shop.slots(category="macbook", model=None)
    shop.call("PATCH", "/technicians/1", "manager", json={"skills": ["apple"]})
    assert shop.slots()


def test_a_second_bench_needs_a_second_technician(shop: Shop):
    shop.book(hour=10)
    shop.call("POST", "/locations/quay/benches", "manager", json={"name": "2"})
    assert "10:00" not in shop.slots()
    shifts = [
        {"location": "quay", "weekday": d, "starts_at": "09:00", "ends_at": "18:00"}
        for d in range(6)
    ]
    shop.call(
        "POST", "/technicians", "manager", json={"name": "Ana", "skills": ["any"], "shifts": shifts}
    )
    assert "10:00" in shop.slots()
    assert "10:00" not in shop.slots(technician="1")
    assert shop.book(hour=10, technician=2)["technicians"] == [2]
    assert "10:00" not in shop.slots()


def test_of_many_at_once_one_wins_and_the_rest_learn_what_is_free(shop: Shop):
    answers = []

    def race(number: int) -> None:
        client = shop.http.application.test_client()
        body = shop.body(email=f"g{number}@example.org")
        headers = {"Authorization": f"Bearer {shop.keys['desk']}"}
        answers.append(client.post("/api/v1/bookings", json=body, headers=headers))

    threads = [threading.Thread(target=race, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 11
    lost = next(answer.json for answer in answers if answer.status_code == 409)
    assert lost["code"] == "slot-taken"
    assert len(lost["errors"]["slots"]) == 5
    assert lost["errors"]["slots"][0] == shop.at(11).replace("+00:00", ".000Z")
    assert shop.rows("SELECT count(*) FROM bookings") == [(1,)]


def test_the_database_itself_refuses_a_second_booking_of_the_same_hours(shop: Shop):
    made = shop.book()
    copy = (
        "INSERT INTO reservations (booking_id, resource_kind, resource_id, during) "
        "SELECT booking_id, resource_kind, resource_id, during FROM reservations LIMIT 1"
    )
    with pytest.raises(Exception, match="ex_reservations_overlap"):
        shop.rows(copy)
    shop.call("POST", f"/bookings/{made['ref']}/cancel", "desk")
    with shop.parts.units() as uow:
        uow.session.connection().exec_driver_sql(copy)


BAD = [
    ({"starts_at": "2020-01-06T10:00:00Z"}, "slot-past"),
    ({"starts_at": "2029-01-08T10:00:00Z"}, "slot-too-far"),
    ({"starts_at": "2026-12-08T10:00:00"}, "invalid"),
    ({"devices": [{"model": "iphone", "repair_types": ["screen"]}]}, "invalid"),
    ({"devices": [{"model": "nokia"}]}, "invalid"),
    ({"devices": [{"category": "iphone", "repair_types": ["liquid"]}]}, "invalid"),
    ({"devices": [{"category": "iphone"}] * 200}, "invalid"),
    ({"devices": []}, "invalid"),
    ({"devices": [{"estimate": "EST-0000000000000000"}]}, "invalid"),
    ({"name": "x" * 10_000}, "invalid"),
    ({"name": "a\x00b"}, "invalid"),
    ({"email": "nobody"}, "invalid"),
    ({"phone": "020 7946"}, "invalid"),
    ({"way": "on_site"}, "invalid"),
    ({"way": "pigeon"}, "invalid"),
    ({"way": "post"}, "invalid"),
    ({"services": ["gold"]}, "invalid"),
    ({"technician": 99}, "not-found"),
    ({"location": "moon"}, "invalid"),
    ({"colour": "red"}, "invalid"),
    ({"customer_ref": "CUS-1"}, "invalid"),
    ({"conversation_id": 1}, "invalid"),
]


@pytest.mark.parametrize(
    ("change", "code"), BAD, ids=[str(list(c)[0]) + str(n) for n, (c, _) in enumerate(BAD)]
)
def test_bad_input_is_refused_and_leaves_nothing(shop: Shop, change: dict, code: str):
    answer = shop.call("POST", "/bookings", json=shop.body(**change))
    assert 400 <= answer.status_code < 500
    assert answer.json["code"] == code
    for table in (
        "bookings",
        "booked_devices",
        "reservations",
        "booking_proofs",
        "notifications",
        "events",
    ):
        assert shop.rows(f"SELECT count(*) FROM {table}") == [(0,)], table


def test_other_zones_and_odd_minutes(shop: Shop):
    odd = shop.call("POST", "/bookings", json=shop.body(starts_at=shop.at(10, 7)))
    assert odd.json["code"] == "slot-not-offered"
    utc = shop.at(10)
    assert utc.endswith("10:00:00+00:00")
    paulista = utc.replace("10:00:00+00:00", "07:00:00-03:00")
    made = shop.call("POST", "/bookings", json=shop.body(starts_at=paulista)).json
    assert made["starts_at"] == utc.replace("+00:00", ".000Z")


@pytest.mark.parametrize(
    "name", ["Zoë 🛠️", "علي حسن", "<script>alert(1)</script>", "{{ 7 * 7 }}{% x %}"]
)
def test_strange_names_are_names(shop: Shop, name: str):
    made = shop.confirmed(name=name, note=name)
    assert made["name"] == name
    device = [{"category": "iphone", "name": name}]
    told = shop.confirmed(12, devices=device)
    (body,) = shop.rows(
        "SELECT body FROM notifications WHERE template = 'booking_confirmed' ORDER BY id DESC"
    )[0]
    assert name in body
    assert shop.call("GET", f"/bookings/{told['token']}.ics").status_code == 200


def test_a_guest_books_five_times_an_hour_under_one_address(shop: Shop):
    for hour in range(9, 14):
        shop.book("desk", hour)
    with shop.parts.units() as uow:
        uow.session.connection().exec_driver_sql("UPDATE bookings SET by_guest = true")
    refused = shop.call("POST", "/bookings", json=shop.body(15, email=GUEST["email"].upper()))
    assert (refused.status_code, refused.json["code"]) == (429, "too-many-requests")
    assert (
        shop.call("POST", "/bookings", json=shop.body(15, email="other@example.org")).status_code
        == 201
    )


def test_a_guests_address_in_the_net_is_limited_and_staffs_is_not(shop: Shop):
    for number in range(5):
        assert shop.call("POST", "/bookings", json={"name": str(number)}).status_code == 201
    assert shop.call("POST", "/bookings", json={"name": "x"}).status_code == 429
    assert shop.call("POST", "/bookings", "desk", json={"name": "x"}).status_code == 201


def test_an_invite_code_keeps_strangers_out(shop: Shop):
    shop.call("PATCH", "/locations/quay", "manager", json={"invite_code": "spring"})
    assert shop.call("POST", "/bookings", json=shop.body()).json["code"] == "invite-needed"
    assert shop.call("POST", "/bookings", json=shop.body(invite_code="autumn")).status_code == 403
    assert shop.call("POST", "/bookings", json=shop.body(invite_code="spring")).status_code == 201


def test_hours_and_shifts_that_overlap_are_refused(shop: Shop):
    twice = [*WEEK, {"weekday": 0, "opens_at": "17:00", "closes_at": "19:00"}]
    refused = shop.call("PATCH", "/locations/quay", "manager", json={"hours": twice})
    assert refused.json["errors"]["hours"] == {"6": ["Overlaps other hours of this day."]}
    shifts = [{"location": "quay", "weekday": 0, "starts_at": "10:00", "ends_at": "09:00"}]
    refused = shop.call("PATCH", "/technicians/1", "manager", json={"shifts": shifts})
    assert "0" in refused.json["errors"]["shifts"]
    assert len(shop.call("GET", "/locations/quay", "viewer").json["hours"]) == 6


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/bookings", {"viewer", "technician", "desk", "manager"}),
        ("POST", "/locations", {"manager"}),
        ("POST", "/technicians", {"manager"}),
        ("POST", "/bookings", {"desk", "manager"}),
        ("POST", "/bookings/BKG-2611-00000/check-in", {"technician", "desk", "manager"}),
        ("POST", "/locations/quay/feed", {"manager"}),
    ],
)
def test_each_role_may_do_its_part_only(shop: Shop, method: str, path: str, allowed: set):
    for role in ("viewer", "technician", "desk", "manager", "shop"):
        answer = shop.call(method, path, role, json={} if method == "POST" else None)
        assert (answer.status_code != 403) is (role in allowed), role
