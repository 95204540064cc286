"""The checklists as data, the IMEI's check digit, and which status wants which stage."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from crm.core.errors import Invalid
from crm.intake import rules
from crm.intake.rules import DeviceClass, Stage, lists, read_imei, read_serial
from crm.notifications.texts import LOCALES
from crm.repairs.rules import stages_due
from crm.repairs.statuses import RepairStatus

TOLD = yaml.safe_load((rules.DATA / "checklists.yaml").read_text())
GOOD = "490154203237518"


def test_every_class_has_both_stages_and_no_item_twice():
    assert set(lists().classes) == set(DeviceClass)
    for stages in lists().classes.values():
        assert set(stages) == set(Stage)
        for items in stages.values():
            slugs = [item.slug for item in items]
            assert len(slugs) >= 5 and len(set(slugs)) == len(slugs)
            assert all(len(slug) <= 80 for slug in slugs)


def test_every_item_is_asked_in_every_language_and_used():
    used = {slug for of in TOLD["classes"].values() for slugs in of.values() for slug in slugs}
    assert used == set(TOLD["items"])
    for slug, words in TOLD["items"].items():
        assert set(words) == set(LOCALES), slug
        assert all(isinstance(one, str) and 5 <= len(one) <= 100 for one in words.values()), slug
        assert len(set(words.values())) == len(words), f"{slug} is not translated"


def test_every_icon_of_the_catalogue_has_its_class():
    path = Path(rules.__file__).parents[1] / "catalog" / "data" / "categories.csv"
    with path.open(newline="") as file:
        icons = {row["icon"] for row in csv.DictReader(file)}
    assert icons - {"other"} == set(lists().icons)


@pytest.mark.parametrize(
    "typed", [GOOD, "49-015420-323751-8", " 49 015420 323751 8\n", "490154203237518"]
)
def test_a_good_imei(typed):
    assert read_imei(typed) == GOOD


@pytest.mark.parametrize(
    "typed",
    ["490154203237519", "490154203237581", "49015420323751", "4901542032375180", "0" * 15,
     "49015420323751²", "٤٩٠١٥٤٢٠٣٢٣٧٥١٨", "IMEI490154203237", "", "🙂" * 15, "<script>", "9" * 10_000],
)  # fmt: skip
def test_a_bad_imei_names_its_field(typed):
    with pytest.raises(Invalid) as refused:
        read_imei(typed)
    assert list(refused.value.errors) == ["imei"]


@given(st.integers(0, 14), st.integers(1, 9))
def test_every_wrong_digit_is_found(place, by):
    digit = (int(GOOD[place]) + by) % 10
    with pytest.raises(Invalid):
        read_imei(f"{GOOD[:place]}{digit}{GOOD[place + 1 :]}")


def test_serials_are_read_forgivingly():
    assert read_serial(" c02 xk1\t2jg5h ") == "C02XK12JG5H"
    assert read_serial(" \n ") is None


@pytest.mark.parametrize(
    ("to", "since", "stages"),
    [
        ("received", None, []),
        ("diagnosing", None, ["before"]),
        ("completed", None, ["before"]),
        ("ready_pickup", None, ["before", "after"]),
        ("delivered", None, ["before", "after"]),
        ("repairing", "diagnosing", []),
        ("delivered", "testing", ["after"]),
        ("delivered", "received", ["before", "after"]),
        ("delivered", "ready_pickup", []),
    ],
)
def test_what_a_status_wants(to, since, stages):
    assert stages_due(RepairStatus(to), since=RepairStatus(since) if since else None) == stages
