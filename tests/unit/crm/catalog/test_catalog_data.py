"""The files the product ships: complete, well formed, and true to the reference prices."""

import re
from collections import Counter, defaultdict

import pytest
import yaml

from crm.catalog import rules_data, service
from crm.catalog.kinds import CATEGORIES, KINDS, MODELS, REPAIR_TYPES

NAMED = """MacBook 2016–2025 · MacBook Pro 2016–2025 · MacBook Air 2018–2025 · iMac 2017–2025 ·
iMac Pro 2017–2021 · Mac Studio 2022–2025 · Mac Pro 2019–2025 · Mac Mini 2018–2025 · iPad Pro
2016–2025 · iPad Air 2019–2025 · iPad 2017–2025 · iPad Mini 2019–2025 · iPhone 15 2023–2023 · iPhone
14 2022–2022 · iPhone 13 2021–2021 · iPhone 12 2020–2020 · iPhone 11 2019–2019 · iPhone X/XS
2017–2018 · iPhone 8 2017–2017 · iPhone 7 2016–2016 · Windows Laptop 2016–2025 · Gaming Laptop
2016–2025 · Desktop PC 2016–2025 · Gaming PC 2016–2025 · Nintendo Switch 2017–2025 · Samsung Galaxy
2016–2025 · Google Pixel 2016–2025 · OnePlus 2016–2025"""
ICONS = {"laptop", "gaming-laptop", "all-in-one", "mini-pc", "tower", "gaming-tower", "tablet",
         "phone", "console", "handheld-console", "other"}  # fmt: skip
# What a maker's model number looks like; a brand not named here ships without numbers of a form.
NUMBERS = {
    "Apple": r"A[0-9]{4}",
    "Samsung": r"SM-[A-Z][0-9]{3}[A-Z]{0,2}",
    "Google": r"G[A-Z0-9]{4}|G-2PW[0-9]{4}",
    "OnePlus": r"A[0-9]{4}|[A-Z]{2}[0-9]{4}|CPH[0-9]{4}",
    "Nintendo": r"(HAC|HDH|HEG|BEE)-[0-9]{3}(\(-01\))?",
    "Microsoft": r"[12][0-9]{3}",
    "Lenovo": r"2[01][0-9A-Z]{2}",
    "Huawei": r"[A-Z]{3,4}-[A-Z0-9]{3,5}",
    "Motorola": r"XT[0-9]{4}",
    "Nokia": r"TA-[0-9]{4}",
}
PLAYSTATION = r"(CUH|CFI)-([0-9]{4}B?|ZC[TP][0-9])"
XPERIA = r"[A-Z][0-9]{4}|XQ-[A-Z]{2}[0-9]{2}"
# Each category repairs these, by one of the names.
NEEDED = [
    {"screen", "display-output", "hdmi-port", "graphics-card"},
    {"battery", "power-supply"},
    {"charging-port", "ports"},
    {"logic-board", "motherboard", "board"},
    {"liquid-damage"},
    {"data-recovery"},
    {"software"},
]


@pytest.fixture(scope="module")
def categories():
    return {row.values["slug"]: row.values for row in service.shipped(CATEGORIES)}


@pytest.fixture(scope="module")
def models():
    return [row.values for row in service.shipped(MODELS)]


@pytest.fixture(scope="module")
def repairs():
    return [row.values for row in service.shipped(REPAIR_TYPES)]


def test_the_named_categories_are_there_with_their_years(categories):
    found = {one["name"]: (one["year_from"], one["year_to"]) for one in categories.values()}
    for told in " ".join(NAMED.split()).split(" · "):
        name, years = told.rsplit(" ", 1)
        assert found[name] == tuple(int(year) for year in years.split("–"))
    assert {"iPhone 16", "iPhone 17", "PlayStation (PS4/PS5)", "Xbox (One/Series)"} <= set(found)
    assert sum(one["is_general"] for one in categories.values()) == 2
    assert {one["icon"] for one in categories.values()} == ICONS
    assert all(one["common_issues"] for one in categories.values())


def test_there_are_five_hundred_models_and_some_in_each_category(models, categories):
    assert len(models) >= 500
    counted = Counter(one["category"] for one in models)
    assert set(counted) == set(categories)


def test_slugs_are_unique_and_never_a_category(models, categories):
    slugs = [one["slug"] for one in models]
    assert len(set(slugs)) == len(slugs)
    assert not set(slugs) & set(categories)
    names = [(one["brand"], one["name"]) for one in models]
    assert len(set(names)) == len(names)


def test_years_lie_in_their_category(models, categories):
    strays = [
        one["slug"]
        for one in models
        if not categories[one["category"]]["year_from"]
        <= one["year"]
        <= categories[one["category"]]["year_to"]
    ]
    assert strays == []


def test_model_numbers_look_as_their_maker_prints_them(models):
    strays = []
    for one in models:
        form = NUMBERS.get(one["brand"], r"[A-Za-z0-9][A-Za-z0-9-]+")
        if one["brand"] == "Sony":
            form = PLAYSTATION if one["category"] == "playstation" else XPERIA
        numbers = one["model_numbers"]
        strays += [(one["slug"], n) for n in numbers if not re.fullmatch(form, n)]
        assert len(set(numbers)) == len(numbers)
    assert strays == []
    known = {number for one in models for number in one["model_numbers"]}
    assert {"A2338", "SM-G991B", "CUH-7000", "HAC-001"} <= known
    assert sum(bool(one["model_numbers"]) for one in models) > 450


def test_phone_numbers_name_one_phone(models):
    named = defaultdict(set)
    for one in models:
        if one["brand"] in ("Samsung", "Google") or one["category"].startswith("iphone"):
            for number in one["model_numbers"]:
                named[number].add(one["slug"])
    assert {number: slugs for number, slugs in named.items() if len(slugs) > 1} == {}


def test_reference_prices(repairs):
    told = {(one["category"], one["slug"]): (one["price_minor"], one["minutes"]) for one in repairs}
    macbook = {"screen": (29999, 120), "battery": (14999, 60), "keyboard": (19999, 180),
               "logic-board": (59999, 480), "liquid-damage": (44999, 720)}  # fmt: skip
    for slug, wanted in macbook.items():
        assert told["macbook", slug] == wanted
    iphone = {"screen": (19999, 60), "battery": (8999, 60), "camera": (14999, 120),
              "charging-port": (11999, 120)}  # fmt: skip
    for slug, wanted in iphone.items():
        phones = {told[f"iphone-{number}", slug] for number in (7, 8, *range(11, 18))}
        assert phones == {wanted}


def test_each_category_repairs_what_it_should(repairs, categories):
    offered = defaultdict(set)
    for one in repairs:
        offered[one["category"]].add(one["slug"])
        assert one["currency"] == service.SHIPPED_CURRENCY and one["price_minor"] > 0
    assert set(offered) == set(categories)
    missing = [(c, needed) for c in categories for needed in NEEDED if not needed & offered[c]]
    assert missing == []
    keys = [(one["category"], one["slug"]) for one in repairs]
    assert len(set(keys)) == len(keys)


def test_parts_are_named_where_something_is_replaced(repairs):
    without = {one["slug"] for one in repairs if not one["parts"]}
    assert without == {"data-recovery", "software", "virus-removal"}


def test_the_shipped_rules_are_those_of_the_product():
    told = yaml.safe_load((service.DATA / "estimate_rules.yaml").read_text())
    rules = rules_data.parse(told)
    assert [one.percent for one in rules.factors] == [120, 130, 150]
    assert rules.factors[0].age_over_years == 5
    assert rules.held_days == 7


def test_every_kind_ships_rows():
    assert all(service.shipped(kind) for kind in KINDS.values())
