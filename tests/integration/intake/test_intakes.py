"""The intake record: what is kept, what is refused, and the device's past."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from crm.catalog import service as catalog
from crm.catalog.models import DeviceModel
from tests import builders

IMEI = "490154203237518"


def put(call, ref, **body):
    return call("PUT", f"/repairs/{ref}/intake", json=body)


def test_a_record_is_written_and_read(bench, repair):
    assert bench("GET", f"/repairs/{repair}/intake").status_code == 404
    made = put(
        bench, repair, imei="49-015420-323751-8", serial=" f2l xk1 ", condition="fair",
        condition_notes="Scratch beside the camera", accessories=["SIM tray", "case"],
        device_class="phone",
    )  # fmt: skip
    assert made.status_code == 200, made.text
    read = bench("GET", f"/repairs/{repair}/intake").json
    assert read == made.json
    assert (read["imei"], read["serial"], read["condition"]) == (IMEI, "F2LXK1", "fair")
    assert (read["device_class"], read["opened_by"]) == ("phone", "a technician")
    assert read["accessories"] == ["SIM tray", "case"] and read["earlier"] == []
    again = put(bench, repair, condition="poor").json
    assert (again["imei"], again["condition"], again["accessories"]) == (None, "poor", [])
    assert (again["device_class"], again["opened_at"]) == ("phone", read["opened_at"])


def test_a_wrong_digit_is_refused_and_nothing_is_opened(mendline, bench, repair):
    refused = put(bench, repair, imei="490154203237519")
    assert (refused.status_code, refused.json["code"]) == (422, "wrong-imei")
    assert "check digit" in refused.json["errors"]["imei"][0]
    assert mendline.count("intakes") == mendline.count("checklists") == 0
    assert bench("GET", f"/repairs/{repair}/checklist").status_code == 404


def test_the_past_of_a_device_is_shown_at_once(mendline, bench, repair):
    with mendline.units() as uow:
        other, third, stranger = (builders.repair(uow, device=f"Pixel {n}").ref for n in range(3))
    put(bench, repair, imei=IMEI, serial="AB1")
    put(bench, stranger, imei="356938035643809", serial="ZZ9")
    assert [one["ref"] for one in put(bench, other, imei=IMEI).json["earlier"]] == [repair]
    shown = put(bench, third, serial="a b 1").json["earlier"]
    assert [one["ref"] for one in shown] == [repair]
    assert set(shown[0]) == {"ref", "device", "status", "received_at"}
    mine = bench("GET", f"/repairs/{repair}/intake").json["earlier"]
    assert [one["ref"] for one in mine] == [third, other]


@pytest.mark.parametrize(
    "body",
    [
        {"imei": "x" * 10_000}, {"serial": "a\0b"}, {"serial": "x" * 65}, {"accessories": "case"},
        {"accessories": ["x"] * 31}, {"accessories": ["x" * 81]}, {"accessories": [1]},
        {"condition": "mint"}, {"condition_notes": "x" * 10_000}, {"device_class": "car"},
        {"colour": "red"}, {"imei": 490154203237518}, {"condition_notes": "\ud800"},
    ],
)  # fmt: skip
def test_records_that_do_not_fit(mendline, bench, repair, body):
    assert put(bench, repair, **body).status_code == 422
    assert mendline.count("intakes") == 0


def test_strange_words_are_kept_as_they_are(bench, repair):
    words = "🙂 <script>alert(1)</script> {{ 7*7 }} \u202eabc"
    made = put(bench, repair, condition_notes=words, accessories=[words])
    assert (made.json["condition_notes"], made.json["accessories"]) == (words, [words])


def test_the_class_can_change_until_something_is_answered(bench, repair):
    assert put(bench, repair).json["device_class"] == "other"
    assert put(bench, repair, device_class="laptop").json["device_class"] == "laptop"
    stages = bench("GET", f"/repairs/{repair}/checklist").json["stages"]
    assert [one["stage"] for one in stages] == ["before", "after"]
    slugs = [item["slug"] for item in stages[0]["items"]]
    assert "keyboard" in slugs and "touch" not in slugs
    item = {"stage": "before", "slug": "keyboard", "result": "not_ok", "note": "Key F is stuck"}
    bench("PATCH", f"/repairs/{repair}/checklist", json={"items": [item]})
    refused = put(bench, repair, device_class="phone")
    assert (refused.status_code, refused.json["code"]) == (409, "checklist-begun")
    assert put(bench, repair, device_class="laptop").status_code == 200


def test_the_class_is_guessed_from_the_catalogue(mendline, bench):
    with mendline.units() as uow:
        catalog.seed(uow)
        refs = {}
        for category in ("macbook-air", "ipad-air", "google-pixel", "playstation", "imac"):
            model = uow.session.scalars(
                select(DeviceModel).where(DeviceModel.category == category).limit(1)
            ).one()
            refs[category] = builders.repair(uow, device=f"{model.brand} {model.name}").ref
        refs["other"] = builders.repair(uow, device="My grandfather's radio 🙂").ref
    classes = {name: put(bench, ref).json["device_class"] for name, ref in refs.items()}
    assert classes == {"macbook-air": "laptop", "ipad-air": "tablet", "google-pixel": "phone",
                       "playstation": "console", "imac": "desktop", "other": "other"}  # fmt: skip


def test_who_may(role, repair):
    for name, reads, writes in (
        ("viewer", 404, 403), ("shop", 403, 403), ("technician", 404, 200), ("desk", 200, 200),
    ):  # fmt: skip
        call = role(name)
        assert call("GET", f"/repairs/{repair}/intake").status_code == reads
        assert put(call, repair).status_code == writes
