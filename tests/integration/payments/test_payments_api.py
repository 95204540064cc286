"""Payments over HTTP: what is taken, what is refused, and who may."""

from __future__ import annotations

import pytest
from sqlalchemy import func, select

from crm.payments import queries
from crm.payments.models import Payment
from tests.integration.payments import documents


def cash(repair, /, **fields):
    told = {"repair": repair.ref, "method": "cash", "amount_minor": 2500, "currency": "GBP"}
    return told | fields


def test_taken_shown_and_listed(desk, repair):
    taken = desk("POST", "/payments", cash(repair, note="exact", purpose="deposit"))
    assert taken.status_code == 201, taken.text
    told = taken.json
    assert (told["repair"], told["method"], told["amount_minor"]) == (repair.ref, "cash", 2500)
    assert (told["received_by"], told["note"]) == ("a desk", "exact")
    assert desk("GET", f"/payments/{told['ref']}").json == told
    assert desk("GET", f"/payments/{told['ref'].lower()}").json == told
    for query in (f"?repair={repair.ref}", f"?customer={told['customer']}", "?method=cash",
                  "?from=2020-01-01&to=2990-01-01", ""):  # fmt: skip
        assert desk("GET", f"/payments{query}").json["data"] == [told]
    for query in ("?method=other", "?from=2990-01-01", "?to=2020-01-01"):
        assert desk("GET", f"/payments{query}").json["data"] == []
    assert desk("GET", "/payments?colour=red").status_code == 422
    assert desk("GET", "/payments?from=2022-01-02&to=2022-01-01").status_code == 422


def test_paid_by_the_number_of_an_invoice(desk, units, repair):
    with units() as uow:
        number = documents.invoice(uow, 4000, customer_id=repair.customer_id).number
    body = {"invoice": number, "method": "transfer", "amount_minor": 4000, "currency": "GBP"}
    told = desk("POST", "/payments", body)
    assert told.status_code == 201, told.text
    assert (told.json["invoice"], told.json["repair"]) == (number, None)
    assert desk("GET", f"/payments?invoice={number}").json["data"] == [told.json]
    assert desk("POST", "/payments", body | {"invoice": "INV-1"}).status_code == 404
    neither = desk("POST", "/payments", {k: v for k, v in body.items() if k != "invoice"})
    assert (neither.status_code, list(neither.json["errors"])) == (422, ["repair"])


def test_lists_are_paged(desk, repair):
    refs = [desk("POST", "/payments", cash(repair)).json["ref"] for _ in range(5)]
    seen, cursor = [], ""
    while True:
        page = desk("GET", f"/payments?limit=2{cursor}").json
        seen += [one["ref"] for one in page["data"]]
        if page["meta"]["next_cursor"] is None:
            break
        cursor = f"&cursor={page['meta']['next_cursor']}"
    assert seen == refs[::-1]


def test_the_same_key_takes_once(desk, units, repair):
    first = desk("POST", "/payments", cash(repair), **{"Idempotency-Key": "k1"})
    again = desk("POST", "/payments", cash(repair), **{"Idempotency-Key": "k1"})
    assert again.json == first.json
    assert again.headers["Idempotency-Replayed"] == "true"
    other = desk("POST", "/payments", cash(repair, amount_minor=1), **{"Idempotency-Key": "k1"})
    assert other.status_code == 422
    with units() as uow:
        assert queries.standing(uow, repair.id).paid_minor == 2500


HOSTILE = [
    ("amount_minor", 0),
    ("amount_minor", -100),
    ("amount_minor", 10.5),
    ("amount_minor", "10.5"),
    ("amount_minor", 10**20),
    ("amount_minor", True),
    ("amount_minor", None),
    ("currency", "EUR"),
    ("currency", "POUNDS"),
    ("currency", "£££"),
    ("method", "card"),
    ("method", "<script>"),
    ("purpose", "tip"),
    ("note", "x" * 10_000),
    ("note", "a\0b"),
    ("fee_minor", 1),
    ("state", "received"),
    ("received_by", "somebody"),
]


def test_hostile_values_are_named(desk, units, repair):
    for field, value in HOSTILE:
        answer = desk("POST", "/payments", cash(repair, **{field: value}))
        assert answer.status_code == 422, (field, value)
        assert field in answer.json["errors"], (field, value)
    with units() as uow:
        assert uow.session.scalar(select(func.count(Payment.id))) == 0


def test_any_words_are_only_words(desk, repair):
    for note in ("<script>alert(1)</script>", "{{ 7*7 }}", "\u202e£", "😀" * 500):
        assert desk("POST", "/payments", cash(repair, note=note)).json["note"] == note


def test_nobodys_reference(desk, repair):
    for ref in ("RPR-2611-00000", "x" * 41, "😀", "%00", "PAY-2611-7K3QD", "../x"):
        assert desk("GET", f"/payments/{ref}").status_code == 404, ref
        assert desk("GET", f"/payments/attempts/{ref}").status_code == 404, ref
        answer = desk("POST", "/payments", cash(repair, repair=ref))
        assert answer.status_code in (404, 422), ref


@pytest.mark.parametrize("role", ["viewer", "technician", "shop"])
def test_who_may_not(caller, repair, role):
    call = caller(role)
    assert call("GET", "/payments").status_code == 403
    assert call("POST", "/payments", cash(repair)).status_code == 403
    wish = {"repair": repair.ref, "purpose": "balance"}
    assert call("POST", "/payments/checkout", wish).status_code == 403
    assert call("GET", "/payments/attempts/x").status_code == 403
