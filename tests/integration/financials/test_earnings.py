"""Financials of a repair and of a customer: each line named, sums as the ledger has them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import event

from crm.core.errors import NotFound
from crm.core.money import Line
from crm.financials import queries, rules
from tests import builders
from tests.integration.financials.books import line


@pytest.fixture
def costed(monkeypatch, tmp_path):
    """The shop wrote down what an hour costs it."""
    told = rules.DATA.read_text().replace(
        "hourly_cost: null", "hourly_cost: {currency: GBP, minor: 3000}"
    )
    (tmp_path / "rules.yaml").write_text(told)
    monkeypatch.setattr(rules, "DATA", tmp_path / "rules.yaml")
    rules.rules.cache_clear()
    yield
    rules.rules.cache_clear()


def of_repair(call, repair):
    answer = call("GET", f"/repairs/{repair.ref}/financials")
    assert answer.status_code == 200, answer.text
    return answer.json


def told(earned, *names):
    return tuple(earned[f"{name}_minor"] for name in names)


def test_nothing_yet(manager, books):
    repair = books.repair()
    shown = of_repair(manager, repair)
    assert shown["repair"] == repair.ref and shown["customer"] is None
    (earned,) = shown["currencies"]
    assert earned["currency"] == "GBP" and earned["lines"] == [] and earned["is_complete"]
    assert earned["margin_percent"] is None and earned["time_minor"] is None
    assert not any(v for k, v in earned.items() if k.endswith("_minor"))


def test_a_repair_line_by_line(manager, books):
    customer = books.customer()
    repair = books.repair(customer)
    deposit = books.pay(5000, repair, "transfer")
    invoice = books.invoice(
        repair, line("Screen", 12000), line("Case", 999, "reduced", 500), line("Tape", 0)
    )
    payment = books.card(8000, repair, fee=37)
    note = books.credit(invoice, 1, 999)
    books.give_back(deposit, 1000)
    part = books.spend(4800, repair, 800)
    shown = of_repair(manager, repair)
    assert shown["customer"] == customer.ref
    (earned,) = shown["currencies"]
    assert told(earned, "invoiced", "credited", "revenue", "tax") == (12999, 999, 10000, 2000)
    assert told(earned, "fees", "expenses", "expenses_tax") == (37, 4000, 800)
    assert told(earned, "margin") == (10000 - 37 - 4000,) and earned["margin_percent"] == 59.6
    assert told(earned, "open", "held", "paid", "refunded") == (0, 0, 13000, 1000)
    lines = {one["source"]: (one["kind"], one["label"], one["net_minor"], one["tax_minor"])
             for one in earned["lines"]}  # fmt: skip
    assert lines == {
        f"invoice {invoice.number} line 1": ("revenue", "Screen", 10000, 2000),
        f"invoice {invoice.number} line 2": ("revenue", "Case", 951, 48),
        f"invoice {invoice.number} line 3": ("revenue", "Tape", 0, 0),
        f"credit note {note.number} line 1": ("credit", "Case", -951, -48),
        f"fee {payment.ref}": ("fee", payment.ref, -37, 0),
        f"expense {part.id}": ("expense", "Panel", -4000, -800),
    }
    assert earned["is_complete"] and {one["repair"] for one in earned["lines"]} == {repair.ref}


def test_what_is_owed_and_held(manager, books):
    repair = books.repair()
    books.pay(3000, repair)
    (earned,) = of_repair(manager, repair)["currencies"]
    assert told(earned, "open", "held", "paid", "margin") == (0, 3000, 3000, 0)
    books.invoice(repair, line(gross=5000))
    (earned,) = of_repair(manager, repair)["currencies"]
    assert told(earned, "open", "held", "paid") == (2000, 0, 3000)


def test_a_lost_dispute_takes_from_the_margin(manager, books):
    repair = books.repair()
    books.invoice(repair, line(gross=6000))
    dispute = books.lose(books.card(6000, repair), 6000, fee=1500)
    (earned,) = of_repair(manager, repair)["currencies"]
    assert told(earned, "revenue", "fees", "margin", "disputed") == (-1000, 1500, -2500, 0)
    assert earned["margin_percent"] is None and earned["is_complete"]
    sources = {
        one["source"]: one["net_minor"] for one in earned["lines"] if one["kind"] != "revenue"
    }
    assert sources == {f"dispute {dispute.ref}": -6000, f"fee {dispute.ref}": -1500}


def test_a_refund_on_its_way_counts_and_is_not_gone_yet(manager, books):
    repair = books.repair()
    books.give_back(books.card(3000, repair), 2000)
    (earned,) = of_repair(manager, repair)["currencies"]
    assert told(earned, "paid", "refunded", "held", "margin") == (3000, 2000, 1000, 0)
    (pounds,) = manager("GET", "/analytics/money").json["currencies"]
    assert all(part["amount_minor"] == 0 for part in pounds["refunded"])


def test_currencies_stay_apart(manager, books):
    repair = books.repair(currency="EUR")
    books.invoice(repair, line(gross=6000), currency="EUR")
    books.spend(700, repair, currency="GBP")
    books.spend(900, repair, currency="JPY")
    first, *others = of_repair(manager, repair)["currencies"]
    assert first["currency"] == "EUR" and told(first, "revenue", "expenses", "margin") == (
        5000,
        0,
        5000,
    )
    assert [(one["currency"], one["margin_minor"]) for one in others] == [
        ("GBP", -700),
        ("JPY", -900),
    ]


def test_a_voided_expense_does_not_count(manager, books):
    repair = books.repair()
    spent = books.spend(700, repair)
    assert manager("DELETE", f"/expenses/{spent.id}").status_code == 204
    (earned,) = of_repair(manager, repair)["currencies"]
    assert earned["expenses_minor"] == 0 and earned["lines"] == []


def test_a_customer_is_all_of_their_repairs_and_more(manager, books):
    customer, other = books.customer(), books.customer(name="Otto")
    one, two, foreign = books.repair(customer), books.repair(customer), books.repair(other)
    for repair, gross in ((one, 6000), (two, 1200), (foreign, 99999)):
        books.invoice(repair, line(gross=gross))
        books.spend(100, repair)
    direct = books.invoice(None, line(gross=2400), customer=customer)
    books.pay(2400, invoice=direct)
    books.spend(50, customer=customer)
    books.spend(5, customer=other)
    answer = manager("GET", f"/customers/{customer.ref}/financials")
    assert answer.status_code == 200 and answer.json["customer"] == customer.ref
    (earned,) = answer.json["currencies"]
    assert told(earned, "revenue", "tax", "expenses") == (8000, 1600, 250)
    assert told(earned, "open", "paid", "held") == (7200, 2400, 0)
    assert earned["is_complete"]
    assert {one["repair"] for one in earned["lines"]} == {one.ref, two.ref, None}
    assert manager("GET", "/customers/CUS-none/financials").status_code == 404


def test_a_customer_without_repairs(costed, manager, books):
    customer = books.customer()
    (earned,) = manager("GET", f"/customers/{customer.ref}/financials").json["currencies"]
    assert earned["currency"] == "GBP" and earned["lines"] == [] and earned["time_minor"] == 0


def test_a_handful_of_queries_however_much_there_is(books):
    customer = books.customer()
    for _ in range(12):
        repair = books.repair(customer)
        books.lose(books.card(100, repair, fee=1), 50)
        books.invoice(repair)
        books.spend(10, repair)
    asked = []
    engine = books.mendline.parts.engine

    def count(_connection, _cursor, statement, *_):
        asked.append(statement)

    event.listen(engine, "before_cursor_execute", count)
    try:
        with books.units() as uow:
            (earned,) = queries.customer(uow, customer.id, books.shop.timezone, "GBP")
            queries.refs(uow, [earned])
    finally:
        event.remove(engine, "before_cursor_execute", count)
    assert len(earned.lines) == 48 and len(asked) <= 10, "\n".join(asked)


def test_the_oldest_lines_are_left_out_and_it_says_so(monkeypatch, books):
    repair = books.repair()
    for gross in (600, 1200, 1800):
        books.invoice(repair, line(gross=gross), line("Case", 120))
    monkeypatch.setattr(queries, "MOST_LINES", 2)
    with books.units() as uow:
        (earned,) = queries.repair(uow, repair.id, books.shop.timezone)
    assert [one.net_minor for one in earned.lines] == [1500, 100, 1000, 100]
    assert not earned.is_complete and earned.margin_minor == 3300


def test_time_is_costed_where_the_shop_says_what_it_costs(costed, manager, books, bench):
    began = datetime.now(UTC) - timedelta(days=2)
    told = []
    for currency in ("GBP", "EUR"):
        with books.units() as uow:
            repair = builders.repair(uow, currency=currency, occurred_at=began)
        for hours, status in ((1, "diagnosing"), (2.5, "repairing"), (30, "testing")):
            moment = (began + timedelta(hours=hours)).isoformat()
            body = {"status": status, "occurred_at": moment}
            assert bench("POST", f"/repairs/{repair.ref}/updates", json=body).status_code == 201
        told.append((repair, of_repair(manager, repair)["currencies"][0]))
    (repair, earned), (_, abroad) = told
    # An hour and a half of diagnosing; of a night's repairing three hours count.
    assert earned["time_minor"] == 13500 and earned["margin_minor"] == -13500
    assert [(one["source"], one["label"]) for one in earned["lines"]] == [
        (f"time {repair.ref}", "4.5 h at the bench")
    ]
    assert abroad["time_minor"] == 0


def test_a_discount_is_a_line_of_its_own(manager, books):
    repair = books.repair()
    books.invoice(
        repair, line(gross=10001), Line("Regular", -1001, "standard", 2000, kind="discount")
    )
    (earned,) = of_repair(manager, repair)["currencies"]
    assert told(earned, "revenue", "tax") == (7500, 1500)
    assert sum(one["net_minor"] for one in earned["lines"]) == 7500
    assert sorted(one["net_minor"] for one in earned["lines"]) == [-834, 8334]


def test_a_discount_may_take_back_more_tax_than_there_is(manager, books):
    repair = books.repair()
    books.invoice(
        repair, line(gross=10000, tax="zero", bp=0),
        Line("Regular", -1200, "standard", 2000, kind="discount"),
    )  # fmt: skip
    (earned,) = of_repair(manager, repair)["currencies"]
    assert told(earned, "invoiced", "revenue", "tax", "margin") == (8800, 9000, -200, 9000)
    assert sorted(one["tax_minor"] for one in earned["lines"]) == [-200, 0]
    assert earned["is_complete"]


@pytest.mark.parametrize("name", ["viewer", "technician", "desk", "shop"])
def test_who_may_not(role, books, name):
    repair, customer = books.repair(), books.customer()
    for path in (f"/repairs/{repair.ref}/financials", f"/customers/{customer.ref}/financials",
                 "/analytics/money", "/exports/ledger.csv"):  # fmt: skip
        assert role(name)("GET", path).status_code == 403


@pytest.mark.parametrize("ref", ["RPR-2611-AAAAA", "x" * 40, "<script>", "{{7*7}}", "🛠️", "%00"])
def test_unknown_repairs(manager, ref):
    assert manager("GET", f"/repairs/{ref}/financials").status_code == 404


def test_a_number_nobody_has(books):
    with books.units() as uow, pytest.raises(NotFound):
        queries.repair(uow, 999, books.shop.timezone)
