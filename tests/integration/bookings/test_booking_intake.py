"""A check-in opens the intake by itself where the location asks for it."""

from __future__ import annotations

import pytest

from crm.catalog.models import Category
from tests.integration.bookings.conftest import Shop


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
