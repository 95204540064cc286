"""Every event has a handler and an example body; proofs are Stripe's own; only a hint is stored."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from stripe import WebhookSignature

from bridge.integrations.stripe import events, facts, inbound
from bridge.integrations.stripe.events import FETCHED
from bridge.integrations.stripe.verify import Hook, check_signature, delivery
from crm.core.errors import BrokenBody, Unauthenticated
from crm.core.inbox import Delivery
from crm.core.integration import Received

FOLDER = Path(__file__).parent / "bodies"
BODIES = {path.stem: path.read_bytes() for path in sorted(FOLDER.glob("*.json"))}
SECRET, OLDER = "whsec_of_now_0123456789abcdef", "whsec_of_before_0123456789abcdef"
PERSONAL = ("pat@example.org", "Pat Quay", "4242", "client_secret")


def signed(body: bytes, secret: str = SECRET, at: float | None = None) -> str:
    """As Stripe's own library signs."""
    moment = int(time.time() if at is None else at)
    return WebhookSignature.generate_signature_header(body.decode(), secret, moment)


def received(body: bytes, header: str | None = None) -> Received:
    header = signed(body) if header is None else header
    return Received({"Stripe-Signature": header}, body, {}, "192.0.2.1", "req-1")


def taken(body: bytes, header: str | None = None) -> Delivery:
    hook = Hook((SECRET, OLDER), FETCHED.__contains__)
    return hook.verify(received(body, header))


def event(**fields: Any) -> bytes:
    told = json.loads(BODIES["checkout.session.completed"]) | fields
    return json.dumps(told).encode()


# -- bodies


def test_a_body_and_a_handler_per_type():
    handled = {kind for _, kind in inbound.handlers(livemode=False)}
    assert handled == set(FETCHED) == set(BODIES)
    assert len(handled) <= 20, "Stripe lists events of at most 20 types at once"


def test_shops_are_told_to_select_these():
    told = (Path(__file__).parents[3] / "docs" / "money.md").read_text()
    assert not [kind for kind in FETCHED if kind not in told]


@pytest.mark.parametrize("kind", BODIES)
def test_a_body_becomes_a_hint_without_persons(kind: str):
    told = json.loads(BODIES[kind])
    found = taken(BODIES[kind])
    assert (found.source, found.type, found.key, found.handled) == (
        "stripe",
        kind,
        told["id"],
        True,
    )
    hint = json.loads(found.body)
    assert hint["object"] == told["data"]["object"]["id"]
    assert found.subject == f"stripe:{hint['object']}"
    assert not [word for word in PERSONAL if word in found.body.decode()]


@pytest.mark.parametrize("kind", BODIES)
def test_what_is_fetched_is_what_the_event_is_about(kind: str):
    assert FETCHED[kind] == json.loads(BODIES[kind])["data"]["object"]["object"]


@pytest.mark.parametrize("kind", BODIES)
def test_the_objects_can_be_read(kind: str):
    about = json.loads(BODIES[kind])["data"]["object"]
    if FETCHED[kind] == events.REFUND:
        assert facts.of_refund(about).effect_key == about["metadata"][facts.EFFECT]
    elif FETCHED[kind] == events.DISPUTE:
        fact = facts.of_dispute(about)
        assert facts.Seen.from_json(json.loads(json.dumps(facts.Seen(dispute=fact).to_json()))) == (
            facts.Seen(dispute=fact)
        )
    elif FETCHED[kind] == events.PAYMENT:
        fact = facts.of_payment(about)
        assert (fact and fact.state) == {
            "payment_intent.succeeded": "paid",
            "payment_intent.processing": "processing",
            "payment_intent.payment_failed": None,
        }[kind]
        seen = facts.Seen(fact)
        assert facts.Seen.from_json(json.loads(json.dumps(seen.to_json()))) == seen


def test_a_fee_in_the_currency_of_the_payout_is_told_in_the_payments():
    told = json.loads(BODIES["payment_intent.succeeded"])["data"]["object"]
    booked = {"fee": 100, "currency": "eur", "exchange_rate": 1.25}
    told["latest_charge"] = {"id": "ch_1", "created": 1, "balance_transaction": booked}
    assert facts.of_payment(told).fee_minor == 80


def test_words_stripe_adds_one_day_end_nothing():
    refund = json.loads(BODIES["refund.created"])["data"]["object"] | {"status": "thinking"}
    dispute = json.loads(BODIES["charge.dispute.created"])["data"]["object"] | {"status": "odd"}
    payment = json.loads(BODIES["payment_intent.succeeded"])["data"]["object"] | {"status": "odd"}
    assert facts.of_refund(refund).state == "pending"
    assert facts.of_dispute(dispute).state == "under_review"
    assert facts.of_payment(payment) is None


# -- one delivery, one meaning


def test_two_events_about_one_end_mean_the_same():
    first, second = taken(event(id="evt_1")), taken(event(id="evt_2"))
    assert first.key != second.key
    assert first.meaning_key == second.meaning_key


def test_a_second_refund_of_a_charge_is_other_news():
    told = json.loads(BODIES["charge.refunded"])
    first = delivery(told, FETCHED.__contains__)
    again = delivery(told | {"id": "evt_again"}, FETCHED.__contains__)
    told["data"]["object"]["amount_refunded"] += 500
    more = delivery(told | {"id": "evt_more"}, FETCHED.__contains__)
    assert first.meaning_key == again.meaning_key != more.meaning_key


def test_a_type_nobody_handles_is_kept_as_ignored():
    found = taken(event(type="customer.created"))
    assert (found.handled, found.meaning_key) == (False, None)


def test_a_thin_event_is_kept_as_ignored():
    body = (
        b'{"id":"evt_test_65U","object":"v2.core.event","type":"v1.billing.meter.no_meter_found"}'
    )
    assert taken(body).handled is False


def test_a_connected_account_is_another_sender():
    assert taken(event(account="acct_other")).sender == "acct_other"
    assert taken(event()).sender == "own"


# -- proofs


def test_both_secrets_prove():
    body = event()
    for secret in (SECRET, OLDER):
        assert taken(body, signed(body, secret)).handled
    rolled = signed(body, "whsec_unknown_to_us_0123456789") + ",v1=" + signed(body).split("v1=")[1]
    assert taken(body, rolled).handled, "Stripe signs with both while a secret is rolled"


@pytest.mark.parametrize("off", [-301, 301, -86_400, 86_400])
def test_past_and_future_are_refused(off: int):
    body, now = event(), 1_795_255_200
    with pytest.raises(Unauthenticated):
        check_signature([SECRET], signed(body, at=now + off), body, at=now)


@pytest.mark.parametrize("off", [-299, 0, 299])
def test_five_minutes_are_allowed(off: int):
    body, now = event(), 1_795_255_200
    check_signature([SECRET], signed(body, at=now + off), body, at=now)


@pytest.mark.parametrize(
    "header",
    ["", "t=1", "v1=abc", "t=,v1=", "t=1,v1=abc", "t=1,t=2,v1=abc", "t=\N{ARABIC-INDIC DIGIT ONE},v1=a",
     "t=99999999999999999999,v1=a", "t=-1,v1=a", "x" * 10_000, "t=1," + "v1=a," * 1_000,
     "t=1,v1=\u202e\U0001f527", "{{7*7}}", "<script>", "\0"],
)  # fmt: skip
def test_broken_proofs(header: str):
    with pytest.raises(Unauthenticated):
        taken(event(), header)


def test_forged_and_changed():
    body = event()
    header = signed(body)
    for other in (signed(body, "whsec_guessed_0123456789abcdef"), header.replace("v1=", "v0=")):
        with pytest.raises(Unauthenticated):
            taken(body, other)
    with pytest.raises(Unauthenticated):
        taken(body + b" ", header)


def test_without_a_secret_nothing_is_taken():
    body = event()
    with pytest.raises(Unauthenticated):
        Hook((), FETCHED.__contains__).verify(received(body))


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"7", b"null", b'"x"', b"{}", b'{"id": 7, "type": "x"}', b'{"id": "evt_1"}',
     b'{"id": "evt_1", "type": "<script>"}', b'{"id": "evt_\\u0000", "type": "x"}',
     b'{"id": "../../x", "type": "x"}', b"[" * 100_000],
)  # fmt: skip
def test_bodies_that_do_not_fit(body: bytes):
    with pytest.raises(BrokenBody):
        taken(body)


@pytest.mark.parametrize("data", [None, 7, [], {}, {"object": None}, {"object": {"id": "../x"}},
                                  {"object": {"id": "x" * 10_000}}, {"object": {"id": ["a"]}}])  # fmt: skip
def test_an_event_about_nothing_is_ignored(data: Any):
    assert taken(event(data=data)).handled is False


@pytest.mark.parametrize("created", [None, "x", -1, 10**30, 1.5, True])
def test_odd_moments_are_none(created: Any):
    found = taken(event(created=created))
    assert found.handled and (found.occurred_at is None or created == -1)
