"""Messages made in earnest from the counter to the refund; `tests/integration/conftest.py` compares
what they are made of with their samples, here and where the other messages are tested.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from tests.integration.quotes.conftest import Desk, desk  # noqa: F401

CASH = {"method": "cash", "purpose": "balance", "currency": "GBP"}


def post(desk: Desk, path: str, **body: Any) -> Any:  # noqa: F811
    answer = desk.call("POST", path, "admin", json=body)
    assert answer.status_code < 300, answer.text
    return answer.json


def short_words(desk: Desk, template: str) -> str:  # noqa: F811
    query = "SELECT short_body FROM notifications WHERE template = :name ORDER BY id LIMIT 1"
    return desk.shop.rows(query, name=template)[0][0]


def test_a_repair_from_the_counter_to_the_door(desk, composed):  # noqa: F811
    updates = f"/repairs/{desk.repair}/updates"
    for status in ("diagnosing", "waiting_parts"):
        post(desk, updates, status=status)
    later = (datetime.now(UTC) + timedelta(days=30)).date().isoformat()
    post(desk, f"/repairs/{desk.repair}/delay", reason="part_late", new_date=later)
    for status in ("repairing", "testing", "completed", "ready_pickup", "delivered"):
        post(desk, updates, status=status, note="soon")
    assert len([name for name in composed.names if name.startswith("repair_")]) == 9
    assert short_words(desk, "repair_delayed").startswith("Quay Phones: ")


def test_a_signature_that_is_asked_for(desk, composed):  # noqa: F811
    post(desk, f"/repairs/{desk.repair}/agreements", purpose="drop_off", send=True)
    assert "sign_request" in composed.names
    assert short_words(desk, "sign_request").startswith("Quay Phones: ")


def test_money_from_the_quote_to_the_refund(desk, composed):  # noqa: F811
    sent = desk.sent()
    shown = desk.show(sent["ref"])
    post(
        desk,
        f"/quotes/{sent['ref']}/approve",
        version=shown["version"],
        option=0,
        words="by telephone",
    )
    taken = post(desk, "/payments", repair=desk.repair, amount_minor=2500, **CASH)
    post(desk, f"/payments/{taken['ref']}/refunds", amount_minor=500, reason="goodwill")
    line = {"label": "Fitting", "unit_minor": 3000}
    post(desk, "/invoices", repair=desk.repair, lines=[line], is_additional=True)
    told = {"quote_ready", "payment_received", "invoice", "refund"}
    assert told <= composed.names
    for template in told:
        assert short_words(desk, template).startswith("Quay Phones: ")


def test_bookings_until_nobody_came(desk, composed):  # noqa: F811
    shop = desk.shop
    mine = shop.book(None)
    proven = shop.call("POST", f"/bookings/{mine['token']}/confirm", json={"code": shop.code()})
    assert proven.json["status"] == "confirmed"
    path = f"/bookings/{mine['ref']}"
    post(desk, f"{path}/reschedule", starts_at=shop.at(14))
    post(desk, f"{path}/cancel", reason="ill")
    late = shop.confirmed(11)
    with shop.parts.units() as uow:
        uow.connection.exec_driver_sql(
            "UPDATE bookings SET starts_at = starts_at - interval '40 days', "
            "ends_at = ends_at - interval '40 days' WHERE ref = %s", (late["ref"],)
        )  # fmt: skip
    post(desk, f"/bookings/{late['ref']}/no-show")
    told = {"received", "confirmed", "reminder", "rescheduled", "cancelled", "missed"}
    assert {f"booking_{one}" for one in told} | {"verification_code"} <= composed.names
    assert short_words(desk, "verification_code") is None
