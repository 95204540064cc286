"""The money of a period: every figure equals the sum of the rows it names."""

from __future__ import annotations

import csv
import io

import pytest

from crm.financials import sheets
from tests.integration.financials.books import line

PREFIX = "/api/v1"
COLUMNS = {"invoiced": "gross", "credited": "gross", "expenses": "net", "receivables": "open"}


def report(call, query="?from=2024-01-01&to=2024-12-31"):
    answer = call("GET", f"/analytics/money{query}")
    assert answer.status_code == 200, answer.text
    return answer.json


def rows(call, address):
    answer = call("GET", address.removeprefix(PREFIX))
    assert answer.status_code == 200, (address, answer.text)
    return list(csv.DictReader(io.StringIO(answer.text)))


def sum_of(call, figure, column):
    told = [float(row[column]) for address in figure["rows"] for row in rows(call, address)]
    return round(100 * sum(told))


@pytest.fixture
def year(books):
    """A year of two currencies: in November, and in March with what is still owed since."""
    ana = books.customer(name="Ana")
    old = books.repair(ana)
    books.invoice(old, line(gross=3000))
    books.pay(1000, old)
    books.move_to("2024-03-10T12:00Z")
    repair, abroad = books.repair(ana), books.repair(currency="EUR")
    invoice = books.invoice(repair, line(gross=12000), line("Case", 1050, "reduced", 500))
    books.card(10000, repair, fee=41)
    transfer = books.pay(3050, repair, "transfer")
    books.credit(invoice, 1, 1050)
    books.give_back(transfer, 500)
    books.spend(2400, repair, 400)
    books.spend(77, customer=ana)
    books.invoice(abroad, line(gross=600), currency="EUR")
    books.pay(900, abroad, "cash", "EUR")
    books.move_to("2024-11-20T12:00Z")
    return repair


def test_every_figure_is_the_sum_of_its_rows(manager, year):
    shown = report(manager)
    assert [one["currency"] for one in shown["currencies"]] == ["GBP", "EUR"]
    for one in shown["currencies"]:
        for name in ("invoiced", "credited", "expenses"):
            sign = -1 if name == "credited" else 1
            assert sign * sum_of(manager, one[name], COLUMNS[name]) == one[name]["amount_minor"]
        for name, sign in (("revenue", -1), ("tax", -1), ("fees", 1), ("held", -1)):
            assert sign * sum_of(manager, one[name], "amount") == one[name]["amount_minor"], name
        for name, sign in (("received", 1), ("refunded", -1)):
            for part in one[name]:
                assert sign * sum_of(manager, part, "amount") == part["amount_minor"]
                assert sum(len(rows(manager, a)) for a in part["rows"]) == part["count"]
        for part in one["tax_by_rate"]:
            for column in ("net", "gross"):
                assert sum_of(manager, part, column) == part[f"{column}_minor"]
            assert sum_of(manager, part, "tax") == part["amount_minor"]
        assert (
            sum(part["amount_minor"] for part in one["tax_by_rate"]) == one["tax"]["amount_minor"]
        )
        for part in one["receivables"]:
            assert sum_of(manager, part, "open") == part["amount_minor"]
            assert len(rows(manager, part["rows"][0])) == part["count"]
        margin = one["revenue"]["amount_minor"] - one["fees"]["amount_minor"]
        assert one["margin"]["amount_minor"] == margin - one["expenses"]["amount_minor"]


def test_what_a_period_holds(manager, year):
    pounds, euros = report(manager, "?from=2024-11-01&to=2024-11-30")["currencies"]
    assert pounds["invoiced"]["amount_minor"] == 13050
    assert pounds["credited"]["amount_minor"] == 1050
    assert pounds["revenue"]["amount_minor"] == 10000 and pounds["margin_percent"] == 78.8
    assert pounds["expenses"]["amount_minor"] == 2077
    received = {one["method"]: one["amount_minor"] for one in pounds["received"]}
    assert received == {"card": 10000, "cash": 0, "transfer": 3050, "other": 0}
    aged = {one["age"]: one["amount_minor"] for one in pounds["receivables"]}
    assert aged == {"0-30": 0, "31-60": 0, "61-90": 0, "91+": 2000}
    assert pounds["held"]["amount_minor"] == 550
    assert euros["held"]["amount_minor"] == 300 and euros["invoiced"]["amount_minor"] == 600
    (march,) = report(manager, "?from=2024-03-01&to=2024-03-31")["currencies"]
    assert march["invoiced"]["amount_minor"] == 3000 and march["held"]["amount_minor"] == 0
    assert {one["age"]: one["count"] for one in march["receivables"]}["0-30"] == 1


@pytest.mark.parametrize(
    ("until", "age"),
    [("2024-03-10", "0-30"), ("2024-04-09", "0-30"), ("2024-04-10", "31-60"),
     ("2024-05-10", "61-90"), ("2024-06-08", "61-90"), ("2024-06-09", "91+")],
)  # fmt: skip
def test_ages_go_by_days_since_issue(manager, year, until, age):
    (pounds,) = report(manager, f"?from=2024-01-01&to={until}")["currencies"]
    assert [one["age"] for one in pounds["receivables"] if one["count"]] == [age]


def test_one_currency_alone(manager, year):
    (euros,) = report(manager, "?from=2024-11-20&to=2024-11-20&currency=EUR")["currencies"]
    assert euros["currency"] == "EUR" and euros["received"][1]["amount_minor"] == 900


def test_an_empty_period(manager, books):
    shown = report(manager, "?from=2020-01-01&to=2020-01-01")
    (pounds,) = shown["currencies"]
    assert shown["from"] == shown["to"] == "2020-01-01"
    assert pounds["margin"]["amount_minor"] == 0 and pounds["margin_percent"] is None
    assert [one["count"] for one in pounds["receivables"]] == [0, 0, 0, 0]
    assert rows(manager, pounds["invoiced"]["rows"][0]) == []


def test_a_location_tells_what_was_booked_there(manager, role, books, year):
    admin = role("admin")
    for slug in ("quay", "hill"):
        body = {"slug": slug, "name": slug.title()}
        assert admin("POST", "/locations", json=body).status_code == 201
    with books.units() as uow:
        uow.connection.exec_driver_sql(
            "WITH b AS (INSERT INTO bookings (ref, status, location_id, way, currency, minutes,"
            " by_guest, created_at, updated_at) SELECT 'BKG-1', 'confirmed', id, 'drop_off', 'GBP',"
            " 30, false, now(), now() FROM locations WHERE slug = 'quay' RETURNING id)"
            " INSERT INTO booked_devices (booking_id, position, category, name, classes,"
            " repair_types, minutes, repair_id)"
            " SELECT id, 1, 'phone', 'Pixel', '[]', '[]', 30, %s FROM b", (year.id,)
        )  # fmt: skip
    shown = report(manager, "?from=2024-01-01&to=2024-12-31&location=quay")
    (pounds,) = shown["currencies"]
    assert shown["location"] == "quay" and pounds["invoiced"]["amount_minor"] == 13050
    assert pounds["expenses"]["amount_minor"] == 2000
    assert sum_of(manager, pounds["invoiced"], "gross") == 13050
    assert sum_of(manager, pounds["expenses"], "net") == 2000
    (pounds,) = report(manager, "?location=hill")["currencies"]
    assert pounds["invoiced"]["amount_minor"] == 0
    assert manager("GET", "/analytics/money?location=nowhere").status_code == 404


@pytest.mark.parametrize(
    "query",
    ["from=2024-02-02&to=2024-02-01", "from=yesterday", "to=0001-01-01", "from=9999-12-31",
     "currency=POUND", "month=3", "location=" + "x" * 101, "location=%00", "from="],
)  # fmt: skip
def test_what_does_not_fit(manager, query):
    for path in ("/analytics/money", "/exports/ledger.csv", "/exports/invoices.csv"):
        assert manager("GET", f"{path}?{query}").status_code == 422, (path, query)


def test_what_no_sheet_has(manager):
    for query in ("account=sales,bank", "account=", "cause=" + "x" * 41, "age=0-30"):
        assert manager("GET", f"/exports/ledger.csv?{query}").status_code == 422, query
    for query in ("kind=receipt", "tax_bp=-1", "tax_bp=1.5", "account=sales"):
        assert manager("GET", f"/exports/invoices.csv?{query}").status_code == 422, query
    assert manager("GET", "/exports/receivables.csv?age=never").status_code == 422
    assert rows(manager, "/api/v1/exports/ledger.csv?cause=%25") == []


def test_sheets_are_audited_and_safe_for_spreadsheets(mendline, manager, books, year):
    for start in ("=", "+", "-", "@", "\t=", "'="):
        books.spend(100, label=f"{start}HYPERLINK(1)", supplier=f'{start}"a",b\n😀 مرحبا')
    answer = manager("GET", "/exports/expenses.csv")
    assert answer.mimetype == "text/csv" and answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Content-Disposition"] == "attachment; filename=expenses.csv"
    assert not answer.data.startswith(b"\xef\xbb\xbf")
    told = list(csv.DictReader(io.StringIO(answer.text)))
    assert len(told) == 8
    for row in told:
        assert not row["label"].startswith(("=", "+", "-", "@", "\t"))
        assert not row["supplier"].startswith(("=", "+", "-", "@", "\t"))
    (row,) = mendline.table(
        "SELECT actor_name, target, details FROM audit WHERE action = 'export.read'"
    )
    assert tuple(row) == ("a manager", "expenses.csv", {})


def test_days_are_the_shops(manager, books):
    repair = books.repair()
    books.invoice(repair)
    # Half an hour before midnight in London's summer.
    books.move_to("2024-06-30T22:30Z")
    (row,) = rows(manager, "/api/v1/exports/invoices.csv?from=2024-06-30&to=2024-06-30")
    assert (row["date"], row["time"]) == ("2024-06-30", "23:30:00")
    later = books.repair()
    books.invoice(later, line(gross=6000))
    books.move_to("2024-06-30T23:30Z")
    assert len(rows(manager, "/api/v1/exports/invoices.csv?to=2024-06-30")) == 1
    (row,) = rows(manager, "/api/v1/exports/invoices.csv?from=2024-07-01&to=2024-07-01")
    assert (row["date"], row["time"]) == ("2024-07-01", "00:30:00")
    assert (row["tax_code"], row["tax_percent"], row["net"], row["tax"]) == (
        "standard", "20", "50.00", "10.00"
    )  # fmt: skip


def test_a_sheet_goes_on_from_batch_to_batch(monkeypatch, manager, books):
    monkeypatch.setattr(sheets, "BATCH", 3)
    repair = books.repair()
    for _ in range(4):
        books.invoice(repair)
        books.spend(100, repair)
    for name, count in (("ledger", 12), ("invoices", 4), ("expenses", 4), ("receivables", 4)):
        told = rows(manager, f"/api/v1/exports/{name}.csv")
        assert len(told) == count
        assert len({tuple(row.values()) for row in told}) == count
