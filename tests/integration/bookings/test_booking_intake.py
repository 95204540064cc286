"""A check-in opens the intake by itself where the location asks for it."""

from __future__ import annotations

import pytest

from crm.catalog.models import Category
from tests.integration.bookings.conftest import Shop
from tests.integration.bookings.guest import CONTACT, Guest


def checked_in(shop: Shop, **fields) -> list[str]:
    """The references of the repairs a booking became."""
    made = shop.confirmed(**fields)
    done = shop.call("POST", f"/bookings/{made['ref']}/check-in", "technician")
    assert done.status_code == 200, done.text
    return [device["repair"] for device in done.json["devices"]]


def change(shop: Shop, role: str = "manager", **fields):
    return shop.call("PATCH", "/locations/quay", role, json=fields)


def test_by_itself_a_check_in_opens_nothing(shop: Shop):
    assert shop.call("GET", "/locations/quay", "viewer").json["requires_intake"] is False
    (ref,) = checked_in(shop)
    assert shop.call("GET", f"/repairs/{ref}/checklist", "viewer").status_code == 404
    body = {"status": "diagnosing"}
    assert shop.call("POST", f"/repairs/{ref}/updates", "desk", json=body).status_code == 201


def test_where_it_is_required_every_device_is_asked_for(shop: Shop):
    assert change(shop, requires_intake=True).json["requires_intake"] is True
    with shop.parts.units() as uow:
        uow.session.get_one(Category, "macbook").icon = "laptop"
    devices = [
        {"model": "iphone-13", "repair_types": ["screen"]},
        {"category": "macbook", "name": "Old one", "problem": "wet"},
    ]
    refs = checked_in(shop, devices=devices)
    classes = [
        shop.call("GET", f"/repairs/{ref}/checklist", "viewer").json["device_class"] for ref in refs
    ]
    assert classes == ["phone", "laptop"]
    for ref in refs:
        body = {"status": "diagnosing"}
        refused = shop.call("POST", f"/repairs/{ref}/updates", "desk", json=body)
        assert refused.json["code"] == "checklist-incomplete"
        intake = shop.call("GET", f"/repairs/{ref}/intake", "viewer").json
        assert (intake["opened_by"], intake["condition"]) == ("technician", None)


@pytest.mark.parametrize("value", ["yes", 2, None, "true", []])
def test_the_setting_is_true_or_false(shop: Shop, value):
    assert change(shop, requires_intake=value).status_code == 422


def test_the_desk_cannot_change_it(shop: Shop):
    assert change(shop, "desk", requires_intake=True).status_code == 403


def test_condition_and_hurry_reach_the_bench_with_and_without_a_chosen_repair(
    mailing: Shop, guest: Guest
):
    guest.begin().do("repairs", repair_types="screen", then="another")
    guest.do("device", category="macbook", name="MacBook of 2011")
    guest.post(f"{guest.home}/repairs?device=1", problem="no picture")
    page = guest.get(f"{guest.home}/condition").page
    assert 'name="condition-1"' in page
    guest.do("condition", **{"condition-0": "fair", "condition-1": "poor"}, is_urgent="yes")

    page = guest.get(f"{guest.home}/condition").page
    for ticked in ('name="condition-0" value="fair"', 'name="condition-1" value="poor"'):
        assert f"{ticked} checked" in page
    page = guest.get(f"{guest.home}/repairs?device=1").page
    assert ">no picture</textarea>" in page

    guest.get(f"{guest.home}/time")
    guest.do("time", starts_at=guest.free()[0])
    guest.do("contact", **CONTACT)
    ((ref,),) = mailing.rows("SELECT ref FROM bookings")
    for step in ("confirm", "check-in"):
        done = mailing.call("POST", f"/bookings/{ref}/{step}", "desk")
        assert done.status_code == 200, done.text
    assert mailing.rows("SELECT price_minor > 0 FROM booked_devices ORDER BY position")[0][0]
    assert mailing.rows("SELECT problem FROM repairs ORDER BY id") == [
        ("[as booked: condition fair, urgent]",),
        ("no picture\n[as booked: condition poor, urgent]",),
    ]


def test_a_repair_chosen_later_is_priced_for_the_condition_told_before(mailing: Shop, guest: Guest):
    guest.begin().do("repairs", problem="dark")
    guest.do("condition", **{"condition-0": "poor"}, is_urgent="yes")
    assert mailing.rows("SELECT problem, price_minor FROM booked_devices") == [
        ("dark\n[as booked: condition poor, urgent]", None)
    ]
    guest.do("repairs", repair_types="screen", problem="dark")
    ((problem, condition, is_urgent),) = mailing.rows(
        "SELECT problem, request->>'condition', request->>'is_urgent' "
        "FROM booked_devices JOIN estimates ON ref = estimate_ref"
    )
    assert (problem, condition, is_urgent) == ("dark", "poor", "true")
