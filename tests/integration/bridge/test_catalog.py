"""The catalogue and estimates through the API, on the catalogue the product ships."""

from datetime import timedelta

import pytest
from sqlalchemy import select, update

from bridge.limits import limiter
from crm.catalog import estimates, service
from crm.catalog.models import Estimate
from crm.core.events import SYSTEM
from crm.repairs import service as repairs
from crm.repairs.models import Repair
from crm.repairs.opening import NewRepair, open_repair
from crm.repairs.service import Address
from crm.repairs.statuses import RepairStatus

CATALOG = "/api/v1/catalog"


@pytest.fixture(autouse=True)
def seeded(units):
    with units() as uow:
        service.seed(uow)


def names(answer) -> list[str]:
    assert answer.status_code == 200, answer.json
    return [one["name"] for one in answer.json["data"]]


def search(client, **query):
    return client.get(f"{CATALOG}/models", query_string=query)


def test_categories_are_open_to_everybody(client):
    found = client.get(f"{CATALOG}/categories").json["data"]
    assert len(found) >= 32
    assert found[0] == {
        "slug": "macbook", "name": "MacBook", "family": "Mac", "icon": "laptop",
        "year_from": 2016, "year_to": 2025, "is_general": False, "models": 2,
        "common_issues": ["battery worn", "cracked screen", "liquid damage", "charging fault"],
    }  # fmt: skip
    page = client.get(f"{CATALOG}/categories?limit=1").json
    again = client.get(f"{CATALOG}/categories?limit=1&cursor={page['meta']['next_cursor']}").json
    assert again["data"][0]["slug"] == found[1]["slug"]


@pytest.mark.parametrize(
    ("q", "first"),
    [
        ("iphone 15", "iPhone 15"),
        ("IPHONE15PROMAX", "iPhone 15 Pro Max"),
        ("A2337", "MacBook Air (M1, 2020)"),
        ("sm-g991b", "Galaxy S21 5G"),
        ("G991", "Galaxy S21 5G"),
        ("ps5 pro", "PlayStation 5 Pro (PS5)"),
        ("thinkp t480", "ThinkPad T480"),
        ("ihpone 8 plus", "iPhone 8 Plus"),
        ("ipone 15", "iPhone 15"),
        ("galxy s21 ultra", "Galaxy S21 Ultra 5G"),
        ("ifone 13", "iPhone 13"),
        ("i phone 13", "iPhone 13"),
        ("nitendo swich oled", "Switch (OLED model)"),
    ],
)
def test_models_are_found(client, q, first):
    assert names(search(client, q=q))[0] == first


def test_corrections_are_told(client):
    assert search(client, q="iphone").json["meta"]["corrected"] is None
    assert search(client, q="ipone").json["meta"]["corrected"] == "iphone"


def test_filters_and_facets(client):
    answer = search(client, q="galaxy", year_from=2024, year_to=2025, brand="samsung")
    facets = answer.json["meta"]["facets"]
    assert {one["year"] for one in answer.json["data"]} == {2024, 2025}
    assert [one["value"] for one in facets["brand"]] == ["Samsung"]
    assert sum(one["count"] for one in facets["year"]) == len(answer.json["data"])
    assert answer.json["meta"]["is_partial"] is False
    only = search(client, category="imac-pro").json
    assert [one["slug"] for one in only["data"]] == ["apple-imac-pro-2017"]


@pytest.mark.parametrize("query", [{"q": "galaxy"}, {"q": "galxy"}, {"category": "samsung-galaxy"}])
def test_pages_show_each_model_once(client, query):
    seen, cursor = [], None
    while True:
        more = {"cursor": cursor} if cursor else {}
        answer = search(client, limit=37, **query, **more).json
        seen += [one["slug"] for one in answer["data"]]
        assert (answer["meta"]["facets"] is None) == (cursor is not None)
        cursor = answer["meta"]["next_cursor"]
        if cursor is None:
            break
    assert len(seen) == len(set(seen)) >= 155


@pytest.mark.parametrize("q", ["flux capacitor", "日本", "???", "' | !( & :*", "\\"])
def test_a_model_that_is_not_here(client, q):
    meta = search(client, q=q).json["meta"]
    assert meta["not_listed"]["category"] == "other-device"
    assert "estimate" in meta["not_listed"]["advice"]
    in_category = search(client, q=q, category="oneplus").json["meta"]["not_listed"]
    assert (in_category["category"], in_category["name"]) == ("oneplus", "OnePlus")
    wish = {"category": meta["not_listed"]["category"], "repair_types": ["screen"]}
    assert client.post("/api/v1/estimates", json=wish).status_code == 201


@pytest.mark.parametrize(
    "query", ["q=", f"q={'x' * 201}", "year_from=1", "limit=101", "colour=red", "cursor=x"]
)
def test_strange_searches_are_refused(client, query):
    assert client.get(f"{CATALOG}/models?{query}").status_code == 422


def test_a_cursor_of_the_list_is_none_of_a_search(client):
    cursor = search(client, limit=1).json["meta"]["next_cursor"]
    assert search(client, q="iphone", cursor=cursor).status_code == 422


def test_a_model_shows_its_repairs(client):
    found = client.get(f"{CATALOG}/models/apple-iphone-12").json
    assert found["model_numbers"] == ["A2172", "A2402", "A2403", "A2404"]
    screen = next(one for one in found["repair_types"] if one["slug"] == "screen")
    assert (screen["price_minor"], screen["currency"], screen["hours"]) == (19999, "GBP", 1.0)
    listed = client.get(f"{CATALOG}/repair-types?model=apple-iphone-12").json["data"]
    assert {one["slug"] for one in listed} == {one["slug"] for one in found["repair_types"]}
    assert client.get(f"{CATALOG}/models/iphone-12").status_code == 404
    assert client.get(f"{CATALOG}/repair-types?model=nothing").status_code == 404


def test_only_managers_change_prices(client, as_role, units):
    address = f"{CATALOG}/models/apple-iphone-12"
    change = {"prices": {"screen": 24999}}
    assert client.patch(address, json=change).status_code == 401
    assert as_role("desk")("PATCH", address, json=change).status_code == 403
    manager = as_role("manager")
    wrong = manager("PATCH", address, json={"prices": {"wings": 1}})
    assert (wrong.status_code, list(wrong.json["errors"])) == (422, ["prices"])
    assert manager("PATCH", address, json={}).status_code == 422
    assert manager("PATCH", address, json=change).status_code == 200
    kind = f"{CATALOG}/repair-types/iphone-12/battery"
    assert manager("PATCH", kind, json={"price_minor": 7999}).json["price_minor"] == 7999
    with units() as uow:
        kept = service.seed(uow)
    assert (kept["models"]["kept"], kept["repair-types"]["kept"]) == (1, 1)
    prices = {one["slug"]: one["price_minor"] for one in client.get(address).json["repair_types"]}
    assert (prices["screen"], prices["battery"]) == (24999, 7999)
    actions = [one["action"] for one in manager("GET", "/api/v1/audit").json["data"]]
    assert actions.count("catalog.edit") == 2


def test_a_renamed_model_is_found_by_its_new_name(client, as_role):
    manager = as_role("manager")
    manager("PATCH", f"{CATALOG}/models/apple-iphone-12", json={"name": "Zebraphone 12"})
    assert names(search(client, q="zebra")) == ["Zebraphone 12"]
    assert names(search(client, q="zebrafone")) == ["Zebraphone 12"]
    assert "Zebraphone 12" not in names(search(client, q="iphone 12"))


def estimate(client, **wish):
    return client.post("/api/v1/estimates", json={"repair_types": ["screen"], **wish})


def test_an_estimate_shows_the_rule_behind_each_line(client):
    made = estimate(
        client, model="apple-iphone-7", repair_types=["screen", "battery"], condition="poor",
        is_urgent=True,
    )  # fmt: skip
    assert made.status_code == 201
    told = made.json
    assert [(one["kind"], one["rule"]) for one in told["lines"]] == [
        ("repair", "price-of-category"),
        ("repair", "price-of-category"),
        ("factor", "older-than-5-years"),
        ("factor", "condition-poor"),
        ("factor", "urgent"),
    ]
    assert sum(one["amount_minor"] for one in told["lines"]) == told["total_minor"]
    assert told["low_minor"] < told["total_minor"] < told["high_minor"]
    assert told["tax"] == {"name": "VAT", "percent": 20, "is_included": True,
                           "amount_minor": told["tax"]["amount_minor"]}  # fmt: skip
    assert told["range_basis"] == "rule" and told["rules_version"] == 1
    assert client.get(f"/api/v1/estimates/{told['ref']}").json == told
    assert client.get("/api/v1/estimates/EST-1").status_code == 404


@pytest.mark.parametrize(
    ("wish", "field"),
    [
        ({"model": "iphone-15"}, "model"),
        ({"model": "nothing"}, "model"),
        ({"category": "apple-iphone-15"}, "category"),
        ({}, "model"),
        ({"model": "apple-iphone-15", "category": "iphone-15"}, "model"),
        ({"model": "apple-iphone-15", "repair_types": ["wings"]}, "repair_types"),
        ({"model": "apple-iphone-15", "repair_types": []}, "repair_types"),
        ({"model": "apple-iphone-15", "condition": "new"}, "condition"),
        ({"model": "apple-iphone-15", "price_minor": 1}, "price_minor"),
        ({"model": "apple-iphone-15", "is_urgent": "yes"}, "is_urgent"),
    ],
)
def test_what_can_not_be_estimated(client, units, wish, field):
    answer = estimate(client, **wish)
    assert (answer.status_code, list(answer.json["errors"])) == (422, [field])
    with units() as uow:
        assert uow.session.scalars(select(Estimate)).all() == []


def test_the_price_holds_while_the_catalogue_changes(client, as_role, units):
    ref = estimate(client, model="apple-iphone-15").json["ref"]
    as_role("manager")(
        "PATCH", f"{CATALOG}/repair-types/iphone-15/screen", json={"price_minor": 50000}
    )
    kept = client.get(f"/api/v1/estimates/{ref}").json
    assert (kept["total_minor"], kept["is_expired"]) == (19999, False)
    assert estimate(client, model="apple-iphone-15").json["total_minor"] == 50000
    with units() as uow:
        row = uow.session.get(Estimate, ref)
        assert row.expires_at - row.created_at == timedelta(days=7)
        row.expires_at = uow.now
    assert client.get(f"/api/v1/estimates/{ref}").json["is_expired"] is True
    with units() as uow:
        assert estimates.forget(uow) == 0
        uow.session.get(Estimate, ref).expires_at = uow.now - timedelta(days=91)
        assert estimates.forget(uow) == 1


def test_a_guest_may_repeat_an_estimate(client):
    ask = {"json": {"model": "apple-iphone-15", "repair_types": ["screen"]}}
    headers = {"Idempotency-Key": "once"}
    first, again = (client.post("/api/v1/estimates", headers=headers, **ask) for _ in range(2))
    assert first.json == again.json and again.headers["Idempotency-Replayed"] == "true"


def finish(uow, device: str, told: int, last: int) -> None:
    repair = open_repair(uow, NewRepair(None, device=device), SYSTEM, by_staff=True)
    for amount in (told, last):
        repairs.change_estimate(
            uow, Address(ref=repair.ref), SYSTEM, estimated_on=None, estimate_minor=amount
        )
    repair.status = RepairStatus.DELIVERED


def test_the_range_comes_from_own_repairs_once_there_are_enough(client, units):
    with units() as uow:
        for _ in range(9):
            finish(uow, "iPhone 15", 10_000, 15_000)
            finish(uow, "iPhone 14", 10_000, 90_000)
    assert estimate(client, model="apple-iphone-15").json["range_basis"] == "rule"
    with units() as uow:
        finish(uow, "apple IPHONE 15", 10_000, 15_000)
    told = estimate(client, model="apple-iphone-15").json
    assert (told["range_basis"], told["own_repairs"]) == ("own-repairs", 10)
    assert (told["low_minor"], told["high_minor"]) == (19_999, 29_999)
    with units() as uow:
        uow.session.execute(update(Repair).values(flags=["unrepairable"]))
    assert estimate(client, model="apple-iphone-15").json["own_repairs"] == 0


def test_rules_have_versions(client, as_role, units):
    told = client.get(f"{CATALOG}/estimate-rules").json
    assert told["version"] == 1
    own = {**told["rules"], "factors": told["rules"]["factors"][2:]}
    manager = as_role("manager")
    assert client.put(f"{CATALOG}/estimate-rules", json=own).status_code == 401
    assert manager("PUT", f"{CATALOG}/estimate-rules", json={}).status_code == 422
    assert manager("PUT", f"{CATALOG}/estimate-rules", json=own).json["version"] == 2
    made = estimate(client, model="apple-iphone-7", condition="poor").json
    assert (made["rules_version"], made["total_minor"]) == (2, 19999)
    with units() as uow:
        assert service.seed(uow)["estimate-rules"] == {"added": 0}


def test_guests_are_limited(client):
    limiter.reset()
    codes = [estimate(client, model="apple-iphone-15").status_code for _ in range(31)]
    assert codes == [201] * 30 + [429]
