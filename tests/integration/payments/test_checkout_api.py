"""A checkout over HTTP: its amount is asked of the server, its page opened once."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import update

import app as composition
from bridge.settings import load
from crm.core.errors import Temporary
from crm.customers.models import Customer
from crm.payments import settling
from crm.payments.models import Attempt
from tests.integration.payments import documents
from tests.integration.payments.conftest import SECRET


def owe(units, repair, amount):
    with units() as uow:
        documents.invoice(uow, amount, repair_id=repair.id)


def wish(repair, /, **fields):
    return {"repair": repair.ref, "purpose": "balance"} | fields


def test_a_checkout_asks_the_server_for_its_amount(desk, units, provider, repair):
    owe(units, repair, 9900)
    cash = {"method": "cash", "amount_minor": 2500, "currency": "GBP"}
    desk("POST", "/payments", {"repair": repair.ref, **cash})
    told = desk("POST", "/payments/checkout", wish(repair))
    assert told.status_code == 201, told.text
    assert (told.json["amount_minor"], told.json["currency"]) == (7400, "GBP")
    assert told.json["url"] == "https://pay.example/1"
    ref = told.json["ref"]
    order = provider.pages[ref].order
    assert (order.amount_minor, order.customer_email) == (7400, None)
    assert repair.ref in order.label
    assert desk("GET", f"/payments/attempts/{ref}").json["state"] == "open"
    with units() as uow:
        settling.settle(uow, provider.pay(ref))
    found = desk("GET", f"/payments/attempts/{ref}").json
    assert (found["state"], len(found["payments"])) == ("paid", 1)
    done = desk("POST", "/payments/checkout", wish(repair))
    assert (done.status_code, done.json["code"]) == (409, "nothing-due")


def test_nothing_of_the_amount_comes_from_outside(desk, units, provider, repair):
    owe(units, repair, 9900)
    for more in (
        {"amount": 1},
        {"amount_minor": 1},
        {"currency": "JPY"},
        {"url": "https://evil.example"},
        {"success_url": "https://evil.example"},
        {"purpose": "other"},
        {"purpose": ""},
        {"repair": None},
    ):
        assert desk("POST", "/payments/checkout", wish(repair, **more)).status_code == 422, more
    assert not provider.pages


def test_the_same_key_gives_the_same_address(desk, units, provider, repair):
    owe(units, repair, 9900)
    key = {"Idempotency-Key": "pay-1"}
    first = desk("POST", "/payments/checkout", wish(repair), **key)
    with units() as uow:
        settling.settle(uow, provider.pay(first.json["ref"]))
    again = desk("POST", "/payments/checkout", wish(repair), **key)
    assert (again.status_code, again.json) == (201, first.json)
    assert again.headers["Idempotency-Replayed"] == "true"
    assert len(provider.pages) == 1


def test_the_provider_is_away_and_comes_back(desk, units, provider, repair):
    owe(units, repair, 9900)
    provider.cut["after checkout"] = Temporary("away")
    key = {"Idempotency-Key": "pay-2"}
    away = desk("POST", "/payments/checkout", wish(repair), **key)
    assert (away.status_code, away.json["code"]) == (502, "temporary")
    assert "Retry-After" in away.headers
    assert desk("POST", "/payments/checkout", wish(repair), **key).status_code == 201
    assert len(provider.pages) == 1


def test_a_key_used_again_too_late(desk, units, provider, repair):
    owe(units, repair, 9900)
    provider.cut["before checkout"] = Temporary("away")
    key = {"Idempotency-Key": "pay-3"}
    desk("POST", "/payments/checkout", wish(repair), **key)
    with units() as uow:
        gone = timedelta(minutes=11)
        uow.session.execute(update(Attempt).values(created_at=Attempt.created_at - gone))
    late = desk("POST", "/payments/checkout", wish(repair), **key)
    assert (late.status_code, late.json["code"]) == (409, "attempt-over")
    assert desk("POST", "/payments/checkout", wish(repair)).status_code == 201


def test_the_customer_reads_their_own_language(desk, units, provider, repair):
    owe(units, repair, 9900)
    with units() as uow:
        uow.session.get_one(Customer, repair.customer_id).locale = "pt-BR"
    ref = desk("POST", "/payments/checkout", wish(repair)).json["ref"]
    order = provider.pages[ref].order
    assert (order.locale, order.label) == ("pt", f"Reparação {repair.ref}")


def test_who_takes_cards_is_asked_every_minute(db, tmp_path):
    told = {"SECRET_KEY": SECRET, "STATE_DIR": str(tmp_path)}
    for cards in (
        {},
        {"STRIPE_SECRET_KEY": "sk_test_1", "STRIPE_WEBHOOK_SECRET": "whsec_" + "x" * 32},
    ):
        parts = composition.compose(load(told | cards), db, None)
        rounds = [one.every_seconds for one in parts.schedules() if one.name == "payments.settle"]
        assert rounds == ([60.0] if cards else [])
        context = composition.edge(parts).extensions["mendline"]
        assert (context.payments is not None) == bool(cards)
        parts.engine.dispose()


def test_without_a_provider(caller, units, repair):
    owe(units, repair, 9900)
    answer = caller(payments=None)("POST", "/payments/checkout", wish(repair))
    assert (answer.status_code, answer.json["code"]) == (503, "payments-off")
