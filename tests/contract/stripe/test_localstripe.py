"""Our adapter against localstripe, a Stripe for tests that we did not write.

It is licensed under the GPL, runs as a process of its own and is no requirement of ours: without
LOCALSTRIPE, the address of a running one, these tests are skipped. It knows no Checkout, no search
and no idempotency keys. docs/money.md shows the commands.
"""

from __future__ import annotations

import os
import queue
import secrets
import threading
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
import requests
import stripe
from flask import Flask, request
from werkzeug.serving import make_server

from bridge.integrations.stripe import facts
from bridge.integrations.stripe.client import Client
from bridge.integrations.stripe.events import FETCHED, PAYMENT
from bridge.integrations.stripe.facts import ATTEMPT
from bridge.integrations.stripe.provider import StripeProvider
from bridge.integrations.stripe.verify import Hook
from bridge.settings import StripeSettings
from crm.core.errors import Permanent
from crm.core.inbox import Delivery
from crm.core.integration import Received
from crm.payments.provider import RefundOrder

ADDRESS = os.environ.get("LOCALSTRIPE", "").rstrip("/")
KEY, SECRET = "sk_test_12345", "whsec_localstripe_0123456789abcdef"
pytestmark = pytest.mark.skipif(not ADDRESS, reason="LOCALSTRIPE names no running localstripe")


@pytest.fixture
def client() -> Client:
    return Client(StripeSettings(ADDRESS, KEY, (SECRET,)))


@pytest.fixture
def attempt() -> str:
    return f"CHK-2611-{secrets.token_hex(3).upper()}"


@pytest.fixture
def heard() -> Iterator[queue.Queue[Delivery]]:
    """Deliveries that localstripe posted to us and that were proven."""
    found: queue.Queue[Delivery] = queue.Queue()
    hook = Hook((SECRET,), FETCHED.__contains__)
    app = Flask("webhooks")

    @app.post("/webhooks/stripe")
    def receive() -> str:
        found.put(hook.verify(Received(request.headers, request.get_data(), {}, "", "r")))
        return ""

    server = make_server("127.0.0.1", 0, app, threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}/webhooks/stripe"
    told = {"url": url, "secret": SECRET}
    requests.post(f"{ADDRESS}/_config/webhooks/mendline", json=told, timeout=5).raise_for_status()
    yield found
    server.shutdown()
    server.server_close()


def pay(attempt: str, number: str = "4242424242424242") -> str:
    """What the hosted page would do: create and confirm; the payment's id."""
    v1 = stripe.StripeClient(KEY, base_addresses={"api": ADDRESS}).v1
    card = {"number": number, "exp_month": 12, "exp_year": 2035, "cvc": "123"}
    method = v1.payment_methods.create({"type": "card", "card": card})
    payment = v1.payment_intents.create({
        "amount": 4500, "currency": "gbp", "payment_method": method.id,
        "metadata": {ATTEMPT: attempt},
    })  # fmt: skip
    v1.payment_intents.confirm(payment.id)
    return payment.id


def test_a_payment_is_read(client: Client, attempt: str):
    payment_id = pay(attempt)
    fact = facts.of_payment(client.payment(payment_id))
    assert fact is not None
    assert (fact.attempt_ref, fact.payment_id, fact.state) == (attempt, payment_id, "paid")
    assert (fact.amount_minor, fact.currency, fact.livemode) == (4500, "GBP", False)
    assert fact.charge_id and fact.charge_id.startswith("ch_")


def test_a_declined_card_is_no_payment(client: Client, attempt: str):
    with pytest.raises(stripe.CardError):
        pay(attempt, "4000000000000341")


def test_a_refund_is_made_and_found(client: Client, attempt: str):
    provider, payment_id = StripeProvider(client), pay(attempt)
    order = RefundOrder("refund:1", payment_id, None, 1500, "GBP", "", datetime.now(UTC))
    assert provider.find_refund("refund:1", payment_id) is None
    fact = provider.refund(order)
    assert (fact.state, fact.amount_minor, fact.effect_key) == ("done", 1500, "refund:1")
    found = provider.find_refund("refund:1", payment_id)
    assert found is not None and found.refund_id == fact.refund_id
    with pytest.raises(Permanent):
        client.refund("re_of_nobody")


def test_its_webhooks_are_proven(client: Client, attempt: str, heard: queue.Queue[Delivery]):
    payment_id = pay(attempt)
    subjects = []
    while f"stripe:{payment_id}" not in subjects:
        delivery = heard.get(timeout=10)
        if FETCHED.get(delivery.type) == PAYMENT and delivery.handled:
            subjects.append(delivery.subject)
