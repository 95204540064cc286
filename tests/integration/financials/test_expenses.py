"""Expenses: added with their receipt, listed, described, voided once, never deleted."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from io import BytesIO

import pytest

from crm.customers import merging
from crm.privacy import erasing
from tests import builders
from tests.unit.crm.files import samples

BODY = {"kind": "part", "label": "OLED panel", "amount_minor": 4800, "tax_minor": 800,
        "supplier": "Panelhaus", "spent_on": "2026-01-05"}  # fmt: skip
WORDS = ["x" * 201, "", "a\0b", None, 7, ["x"]]


@pytest.fixture
def owned(mendline) -> tuple[str, str]:
    """A customer and a repair of theirs."""
    with mendline.units() as uow:
        customer = builders.customer(uow)
        return customer.ref, builders.repair(uow, customer.id).ref


def add(call, **more):
    return call("POST", "/expenses", json={**BODY, **more})


def listed(call, query=""):
    answer = call("GET", f"/expenses{query}")
    assert answer.status_code == 200, answer.text
    return [one["id"] for one in answer.json["data"]]


def test_added_and_shown(bench, owned):
    customer, repair = owned
    made = add(bench, repair=repair, customer=customer)
    assert made.status_code == 201, made.text
    assert made.json["repair"] == repair and made.json["customer"] == customer
    assert made.json["net_minor"] == 4000 and made.json["currency"] == "GBP"
    assert made.json["created_by"] == "a technician" and made.json["voided_at"] is None
    assert bench("GET", f"/expenses/{made.json['id']}").json == made.json
    assert bench("GET", "/expenses/99").status_code == 404


def test_listed_by_what_it_is_for(bench, owned, repair):
    customer, theirs = owned
    on_repair = add(bench, repair=theirs, spent_on="2026-01-05").json["id"]
    direct = add(bench, customer=customer, kind="courier", spent_on="2026-01-07").json["id"]
    other = add(bench, repair=repair, currency="EUR", spent_on="2026-01-06").json["id"]
    at_large = add(bench, spent_on="2026-01-08").json["id"]
    assert listed(bench) == [at_large, direct, other, on_repair]
    assert listed(bench, f"?customer={customer}") == [direct, on_repair]
    assert listed(bench, f"?repair={repair}") == [other]
    assert listed(bench, "?kind=courier") == [direct]
    assert listed(bench, "?currency=EUR") == [other]
    assert listed(bench, "?from=2026-01-06&to=2026-01-07") == [direct, other]
    first = bench("GET", "/expenses?limit=3").json["meta"]["next_cursor"]
    assert listed(bench, f"?limit=3&cursor={first}") == [on_repair]
    assert bench("GET", "/expenses?from=2026-02-01&to=2026-01-01").status_code == 422
    assert bench("GET", "/expenses?from=0001-01-01").status_code == 422
    assert bench("GET", "/expenses?repair=RPR-2611-AAAAA").status_code == 404
    assert bench("GET", "/expenses?month=1").status_code == 422


def test_voided_once_and_kept(mendline, bench, role):
    desk = role("desk")
    made = add(bench).json["id"]
    assert bench("POST", f"/expenses/{made}/void", json={"reason": "x"}).status_code == 403
    assert desk("POST", f"/expenses/{made}/void", json={}).status_code == 422
    gone = desk("POST", f"/expenses/{made}/void", json={"reason": "typed twice"})
    assert gone.status_code == 200 and gone.json["void_reason"] == "typed twice"
    assert gone.json["voided_by"] == "a desk" and gone.json["voided_at"]
    assert listed(desk) == [] and listed(desk, "?is_voided=true") == [made]
    assert desk("DELETE", f"/expenses/{made}").json["code"] == "expense-voided"
    other = add(bench).json["id"]
    assert desk("DELETE", f"/expenses/{other}").status_code == 204
    assert desk("GET", f"/expenses/{other}").json["void_reason"] == "deleted"
    assert mendline.count("expenses") == 2
    assert mendline.count("audit", "action = 'expense.void'") == 2


def test_voided_by_one_of_many(mendline, role):
    desk = role("desk")
    made = add(desk).json["id"]
    with ThreadPoolExecutor(6) as pool:
        told = list(pool.map(
            lambda n: desk("POST", f"/expenses/{made}/void", json={"reason": f"{n}"}), range(6)
        ))  # fmt: skip
    assert sorted(one.status_code for one in told) == [200, *[409] * 5]
    assert mendline.count("audit", "action = 'expense.void'") == 1


def test_words_are_changed_and_amounts_are_not(mendline, bench):
    made = add(bench).json["id"]
    changed = bench("PATCH", f"/expenses/{made}", json={"label": "LCD panel", "note": "B-ware"})
    assert changed.json["label"] == "LCD panel" and changed.json["amount_minor"] == 4800
    for field in ("amount_minor", "tax_minor", "spent_on", "repair", "kind", "voided_at"):
        assert bench("PATCH", f"/expenses/{made}", json={field: 1}).status_code == 422
    assert bench("PATCH", f"/expenses/{made}", json={}).status_code == 422
    assert mendline.count("audit", "action = 'expense.change'") == 1


def test_a_receipt_is_a_file_of_the_repair(mendline, role, repair):
    desk = role("desk")
    upload = {"data": {"files": (BytesIO(samples.photo()), "receipt.jpg")}}
    file = desk("POST", f"/repairs/{repair}/files", **upload).json["data"][0]["id"]
    made = add(desk, repair=repair, file=file)
    assert made.json["file"] == file
    for wrong in ({"file": file}, {"repair": repair, "file": "none"}):
        assert add(desk, **wrong).status_code == 422
    assert desk("DELETE", f"/files/{file}").status_code == 204
    assert desk("GET", f"/expenses/{made.json['id']}").json["file"] is None


@pytest.mark.parametrize(
    ("field", "values"),
    {
        "amount_minor": [0, -1, 10**11, 1.5, "1e3", True, None, "٣"],
        "tax_minor": [-1, 4801, 0.5, None],
        "currency": ["GB", "gbp", "QQQ", "POUND", "\0\0\0"],
        "spent_on": ["1999-12-31", "9999-12-31", "2026-02-30", "today", 5],
        "kind": ["rent", "", None],
        "label": WORDS,
        "supplier": ["x" * 201, "a\0b", None],
        "note": ["x" * 2001, "a\0b", None],
        "is_voided": [True],
    }.items(),
)
def test_what_does_not_fit_is_named(mendline, bench, field, values):
    for value in values:
        answer = add(bench, **{field: value})
        assert answer.status_code == 422, (field, value, answer.text)
        assert field in str(answer.json["errors"])
    assert mendline.count("expenses") == 0


def test_hostile_words_come_back_as_they_were(bench):
    words = "<script>{{7*7}}</script> 🛠️ \u202eمرحبا =1+1"
    made = add(bench, label=words, note=words).json
    assert made["label"] == words and made["note"] == words


def test_whom_it_is_for_has_to_fit(mendline, bench, owned, repair):
    customer, theirs = owned
    assert add(bench, repair=repair, customer=customer).status_code == 422
    assert add(bench, repair="RPR-2611-AAAAA").status_code == 404
    assert add(bench, customer="CUS-none").status_code == 404
    assert mendline.count("expenses") == 0


def test_who_may(role):
    assert add(role("viewer")).status_code == 403
    assert role("viewer")("GET", "/expenses").status_code == 403
    assert role("shop")("GET", "/expenses").status_code == 403


def test_a_repeated_request_adds_once(mendline, bench):
    headers = {"Idempotency-Key": "once"}
    first = bench("POST", "/expenses", headers=headers, json=BODY)
    again = bench("POST", "/expenses", headers=headers, json=BODY)
    assert first.json == again.json and mendline.count("expenses") == 1


def test_merging_takes_them_along_and_erasing_leaves_the_figures(mendline, bench, role):
    with mendline.units() as uow:
        kept = builders.customer(uow, name="Ana Luz").ref
        twin = builders.customer(uow, name="A. Luz").ref
    made = add(bench, customer=twin, note="for Ana").json["id"]
    with mendline.units() as uow:
        merging.merge(uow, kept, twin, builders.STAFF)
    assert listed(bench, f"?customer={kept}") == [made]
    with mendline.units() as uow:
        erased = erasing.erase(uow, kept, builders.STAFF)
    assert "1 expenses without the person and the note: the books stay" in erased.kept
    left = bench("GET", f"/expenses/{made}").json
    assert left["customer"] is None and left["note"] == "" and left["amount_minor"] == 4800
