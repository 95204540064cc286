"""Loan devices: out once, back once, and a repair is not handed over while one is out."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from chatwoot.liquid import escape_liquid
from crm.notifications.markdown import plain
from tests import builders
from tests.integration.intake.acts import move

NAMES = ["x" * 201, "", "a\0b", None, 7, ["x"]]
BODY = {"name": "Moto G54", "serial": "356938035643809", "condition": "scratched frame"}


@pytest.fixture
def device(desk) -> int:
    return desk("POST", "/loan-devices", json=BODY).json["id"]


def lend(call, ref, device, **more):
    return call("POST", f"/repairs/{ref}/loans", json={"device": device, **more})


def give_back(call, loan, **more):
    return call("POST", f"/loans/{loan}/return", json={"condition": "as lent", **more})


def days_ago(mendline, loan, days):
    """The loan was due that many days ago."""
    due = (datetime.now(UTC) - timedelta(days=days)).date()
    with mendline.units() as uow:
        uow.connection.exec_driver_sql("UPDATE loans SET due_on = %s WHERE id = %s", (due, loan))


def test_a_device_is_added_changed_and_removed(desk):
    made = desk("POST", "/loan-devices", json=BODY)
    assert made.status_code == 201 and made.json["is_active"] is True
    path = f"/loan-devices/{made.json['id']}"
    assert desk("PATCH", path, json={"is_active": False}).json["name"] == "Moto G54"
    assert desk("GET", "/loan-devices?is_active=true").json["data"] == []
    assert desk("GET", path).json["is_active"] is False
    assert desk("DELETE", path).status_code == 204
    assert desk("GET", path).status_code == 404


def test_a_device_that_was_lent_stays(desk, repair, device):
    lend(desk, repair, device)
    assert desk("DELETE", f"/loan-devices/{device}").json["code"] == "loan-device-used"


def test_out_and_back(mendline, desk, repair, device):
    out = lend(desk, repair, device, note="with charger")
    assert out.status_code == 201, out.text
    assert out.json["condition_out"] == "scratched frame" and out.json["repair"] == repair
    assert out.json["lent_by"] == "a desk" and not out.json["is_overdue"]
    (listed,) = desk("GET", "/loans").json["data"]
    assert listed["id"] == out.json["id"] and listed["device"]["name"] == "Moto G54"
    back = give_back(desk, out.json["id"], condition="cracked glass")
    assert back.status_code == 200 and back.json["returned_by"] == "a desk"
    assert desk("GET", "/loans").json["data"] == []
    assert desk("GET", f"/loan-devices/{device}").json["condition"] == "cracked glass"
    assert give_back(desk, out.json["id"]).json["code"] == "loan-returned"
    assert len(desk("GET", f"/repairs/{repair}/loans").json["data"]) == 1
    told = mendline.column("SELECT outcome FROM repair_history ORDER BY id")
    assert told[-2:] == ["loan_opened", "loan_returned"]
    assert lend(desk, repair, device).status_code == 201


def test_the_longest_overdue_comes_first(mendline, desk, repair):
    loans = []
    for days in (-3, 5, 1):
        number = desk("POST", "/loan-devices", json=BODY).json["id"]
        loans.append(lend(desk, repair, number).json["id"])
        days_ago(mendline, loans[-1], days)
    first = desk("GET", "/loans?limit=2").json
    rest = desk("GET", f"/loans?cursor={first['meta']['next_cursor']}").json
    listed = first["data"] + rest["data"]
    assert [one["id"] for one in listed] == [loans[1], loans[2], loans[0]]
    assert [one["is_overdue"] for one in listed] == [True, True, False]


def test_one_of_many_gets_the_device(mendline, desk, device):
    with mendline.units() as uow:
        refs = [builders.repair(uow).ref for _ in range(6)]
    with ThreadPoolExecutor(6) as pool:
        told = list(pool.map(lambda ref: lend(desk, ref, device), refs))
    assert sorted(one.status_code for one in told) == [201, *[409] * 5]
    assert {one.json["code"] for one in told if one.status_code == 409} == {"loan-device-out"}
    assert mendline.count("loans") == 1


def test_an_inactive_or_unknown_device_is_not_lent(desk, repair, device):
    desk("PATCH", f"/loan-devices/{device}", json={"is_active": False})
    assert lend(desk, repair, device).json["code"] == "loan-device-inactive"
    assert lend(desk, repair, device + 1).status_code == 404
    assert lend(desk, "RPR-2611-AAAAA", device).status_code == 404


def test_a_repeated_request_lends_once(mendline, desk, repair, device):
    headers = {"Idempotency-Key": "once"}
    path, body = f"/repairs/{repair}/loans", {"device": device}
    first = desk("POST", path, headers=headers, json=body)
    again = desk("POST", path, headers=headers, json=body)
    assert first.json == again.json and again.headers["Idempotency-Replayed"] == "true"
    assert mendline.count("loans") == 1


def test_an_open_loan_holds_up_the_hand_over(desk, bench, repair, device):
    loan = lend(desk, repair, device).json["id"]
    assert move(bench, repair, "ready_pickup").status_code == 201
    refused = move(bench, repair, "delivered")
    assert (refused.status_code, refused.json["code"]) == (409, "loan-open")
    assert "Moto G54" in refused.json["detail"]
    give_back(desk, loan)
    assert move(bench, repair, "delivered").json["outcome"] == "moved"


def test_a_manager_waives_by_name_with_a_reason(mendline, desk, role, repair, device):
    loan = lend(desk, repair, device).json["id"]
    path, body = f"/loans/{loan}/waive", {"reason": "Brings it on Monday"}
    assert desk("POST", path, json=body).status_code == 403
    manager = role("manager")
    assert manager("POST", path, json={}).status_code == 422
    told = manager("POST", path, json=body).json
    assert (told["waived_by"], told["waiver_reason"]) == ("a manager", "Brings it on Monday")
    assert manager("POST", path, json=body).json["code"] == "loan-waived"
    assert mendline.count("audit", "action = 'loan.waive'") == 1
    assert move(desk, repair, "delivered").json["outcome"] == "moved"
    assert [one["id"] for one in desk("GET", "/loans").json["data"]] == [loan]


def test_an_agent_reads_the_refusal_in_the_thread(mendline, desk, thread, device):
    number, ref = thread
    lend(desk, ref, device)
    mendline.settle()
    assert any("loan opened" in one and "Moto G54" in one for one in mendline.notes(number))
    mendline.agent(number, "!status delivered", private=True)
    mendline.settle()
    assert "still lent to the customer: Moto G54" in mendline.notes(number)[-1]
    assert desk("GET", f"/repairs/{ref}").json["status"] == "received"


def test_a_shop_systems_report_is_a_fact(mendline, desk, role, repair, device):
    till = role("shop")
    ref = till("POST", "/repairs", json={"device": "Pixel 8"}).json["ref"]
    lend(desk, ref, device)
    assert move(till, ref, "delivered").json["outcome"] == "moved"
    notes = mendline.table(
        "SELECT outcome, internal_note FROM repair_history ORDER BY id DESC LIMIT 1"
    )
    assert [tuple(one) for one in notes] == [("loan_still_out", "Moto G54")]


@pytest.mark.parametrize("name", NAMES)
def test_names_that_do_not_fit(mendline, desk, name):
    assert desk("POST", "/loan-devices", json={"name": name}).status_code == 422
    assert mendline.count("loan_devices") == 0


@pytest.mark.parametrize("words", ["🙂" * 50, "مرحبا", "<script>alert(1)</script>", "{{ 7*7 }}"])
def test_words_come_back_as_given(mendline, desk, thread, words):
    number, ref = thread
    made = desk("POST", "/loan-devices", json={"name": words, "condition": words})
    assert made.json["name"] == words
    lend(desk, ref, made.json["id"], note=words)
    mendline.settle()
    assert any(escape_liquid(plain(words)) in one for one in mendline.notes(number))


@pytest.mark.parametrize(
    "body",
    [{}, {"device": 0}, {"device": 2**70}, {"device": "x"}, {"due_on": "2001-01-01"},
     {"due_on": "9999-12-31"}, {"due_on": "soon"}, {"note": "x" * 1001}, {"note": "a\0"},
     {"condition": ""}, {"condition": "x" * 10_000}, {"price": 1}],
)  # fmt: skip
def test_loans_that_do_not_fit(mendline, desk, repair, device, body):
    body = body and {"device": device, **body}
    assert desk("POST", f"/repairs/{repair}/loans", json=body).status_code == 422
    assert mendline.count("loans") == 0


@pytest.mark.parametrize("number", [0, 2**63 - 1, 2**63, 10**30])
def test_numbers_of_nothing(desk, number):
    assert desk("GET", f"/loan-devices/{number}").status_code == 404
    assert give_back(desk, number).status_code == 404


@pytest.mark.parametrize(
    ("name", "read", "write", "manage", "waive"),
    [("viewer", 200, 403, 403, 403), ("technician", 200, 404, 403, 403),
     ("desk", 200, 404, 201, 403), ("manager", 200, 404, 201, 404),
     ("admin", 200, 404, 201, 404), ("shop", 403, 403, 403, 403)],
)  # fmt: skip
def test_who_may_do_what(role, repair, name, read, write, manage, waive):
    call = role(name)
    assert call("GET", "/loans").status_code == read
    assert lend(call, repair, 99).status_code == write
    assert call("POST", "/loan-devices", json=BODY).status_code == manage
    assert call("POST", "/loans/99/waive", json={"reason": "x"}).status_code == waive
