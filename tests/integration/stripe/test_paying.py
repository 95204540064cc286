"""A card payment from the click to the ledger, as Stripe tells it: in order, and in every other way."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from sqlalchemy import text

import app as composition
from bridge.cli import chatwoot as chatwoot_verbs
from bridge.integrations.stripe.client import Client
from bridge.integrations.stripe.reconcile import Reconcile
from crm.core import ops
from crm.core.errors import Uncertain
from crm.payments.models import Attempt
from tests.standins.stripe.courier import signature
from tests.standins.stripe.running import StandIn
from tests.till import Till


@pytest.fixture
def attempt(till: Till) -> Attempt:
    return till.open(till.repair())


def paid(till: Till, stripe: StandIn, attempt: Attempt) -> dict:
    """The customer paid; nobody has told us yet."""
    return stripe.books.pay(attempt.provider_session_id)


def booked_once(till: Till, stripe: StandIn) -> None:
    """Our ledger is what Stripe's books say, and each attempt was charged once at most."""
    for _ in range(2):
        till.hasten()
    assert till.unfinished() == []
    assert till.account("card") == stripe.books.balance()
    assert till.account("fees") == stripe.books.fees()
    assert [p[2] for p in till.payments()] == [
        one["id"] for one in stripe.books.all("payment_intent")[::-1]
        if one["status"] == "succeeded"
    ]  # fmt: skip
    assert all(count == 1 for count in stripe.books.times_paid("mendline_attempt").values())


def test_paid(till: Till, stripe: StandIn, attempt: Attempt):
    payment = paid(till, stripe, attempt)
    assert till.state(attempt) == "open", "nobody told us"
    assert set(till.hear()) <= {200, 202}
    assert till.state(attempt) == "paid"
    assert till.payments() == [(4500, 87, payment["id"])]
    assert till.account("held") == -4500
    booked_once(till, stripe)


def test_coming_back_proves_nothing(till: Till, stripe: StandIn, attempt: Attempt):
    paid(till, stripe, attempt)
    till.work()
    assert till.payments() == []


@pytest.mark.parametrize("fault", ["doubles", "shuffles"])
def test_doubled_and_shuffled(till: Till, stripe: StandIn, fault: str):
    for seed in range(5):
        stripe.courier.dice.seed(seed)
        setattr(stripe.courier, fault, True)
        attempt = till.open(till.repair())
        stripe.books.decline(attempt.provider_session_id)
        paid(till, stripe, attempt)
        till.hear()
        assert till.state(attempt) == "paid"
    booked_once(till, stripe)


def test_the_first_event_alone_is_enough(till: Till, stripe: StandIn, attempt: Attempt):
    paid(till, stripe, attempt)
    for event in reversed(stripe.courier.waiting[:]):
        if event["type"] == "checkout.session.completed":
            assert stripe.courier.send(event) == 202
            assert stripe.courier.send(event) == 200
    till.work()
    booked_once(till, stripe)


def test_nothing_personal_is_kept(till: Till, stripe: StandIn, attempt: Attempt):
    paid(till, stripe, attempt)
    till.hear()
    kept = till.column("SELECT convert_from(body, 'UTF8') FROM inbox")
    kept += till.column("SELECT body::text || coalesce(result::text, '') FROM outbox "
                        "WHERE kind LIKE 'stripe%'")  # fmt: skip
    assert kept and not [one for one in kept if "pat@" in one or "Pat" in one]


def test_a_declined_card_may_be_followed_by_another(till: Till, stripe: StandIn, attempt: Attempt):
    stripe.books.decline(attempt.provider_session_id)
    till.hear()
    assert till.state(attempt) == "open"
    paid(till, stripe, attempt)
    till.hear()
    booked_once(till, stripe)


def test_an_expired_page(till: Till, stripe: StandIn, attempt: Attempt):
    stripe.books.ahead = 3600
    stripe.books.all("checkout.session")
    stripe.courier.ahead = 0
    till.hear()
    assert (till.state(attempt), till.payments()) == ("expired", [])


@pytest.mark.parametrize(("cleared", "state"), [(True, "paid"), (False, "failed")])
def test_money_that_takes_days(
    till: Till, stripe: StandIn, attempt: Attempt, cleared: bool, state: str
):
    payment = stripe.books.pay_slowly(attempt.provider_session_id)
    till.hear()
    assert till.state(attempt) == "processing"
    stripe.books.clear(payment["id"], paid=cleared)
    till.hear()
    assert till.state(attempt) == state
    booked_once(till, stripe)


def test_a_fee_that_comes_later(till: Till, stripe: StandIn, attempt: Attempt):
    stripe.books.late_fees = True
    payment = paid(till, stripe, attempt)
    till.hear()
    assert till.payments() == [(4500, 0, payment["id"])]
    stripe.books.book(payment["latest_charge"])
    till.hear()
    assert till.payments() == [(4500, 87, payment["id"])]
    booked_once(till, stripe)


# -- news that must move nothing


def test_another_account(till: Till, stripe: StandIn, attempt: Attempt):
    paid(till, stripe, attempt)
    stripe.courier.account = "acct_of_somebody_else"
    assert set(till.hear()) <= {200, 202}
    assert till.payments() == [] and till.unfinished() == []


def test_the_other_mode(till: Till, stripe: StandIn, attempt: Attempt):
    paid(till, stripe, attempt)
    for event in stripe.courier.waiting:
        event["livemode"] = True
    till.hear()
    assert till.payments() == [] and till.unfinished() == []


@pytest.mark.parametrize("how", ["future", "past", "forged"])
def test_a_bad_proof(till: Till, stripe: StandIn, attempt: Attempt, how: str):
    paid(till, stripe, attempt)
    stripe.courier.ahead = {"future": 330, "past": -330}.get(how, 0)
    if how == "forged":
        stripe.courier.secret = "whsec_guessed_by_somebody_0123456"
    try:
        assert set(till.hear()) == {401}
    finally:
        stripe.courier.secret = stripe.webhook_secret
    assert till.one("SELECT count(*) FROM inbox") == 0
    assert till.payments() == []


def test_a_payment_of_another_program_on_the_same_account(till: Till, stripe: StandIn):
    session = stripe.books.open_session({
        "mode": "payment", "success_url": "x", "metadata": {"order": "7"},
        "line_items": {"0": {"price_data": {
            "currency": "gbp", "unit_amount": "900", "product_data": {"name": "A mug"}}}},
    })  # fmt: skip
    payment = stripe.books.pay(session["id"])
    stripe.books.refund({"payment_intent": payment["id"]})
    stripe.books.dispute(payment["latest_charge"])
    till.hear()
    assert till.payments() == [] and till.unfinished() == []


def test_an_attempt_we_never_began(till: Till, stripe: StandIn, attempt: Attempt):
    paid(till, stripe, attempt)
    for one in stripe.books.all("payment_intent") + stripe.books.all("checkout.session"):
        one["metadata"] = {"mendline_attempt": "CHK-2611-XXXXX"}
    till.hear()
    assert till.payments() == [] and till.unfinished() == []


def test_an_object_our_key_cannot_see(till: Till, stripe: StandIn, attempt: Attempt):
    paid(till, stripe, attempt)
    for kind in ("checkout.session", "payment_intent", "charge"):
        stripe.books.objects[kind].clear()
    till.hear()
    assert till.payments() == [] and till.unfinished() == []


@pytest.mark.parametrize(
    ("field", "value"), [("amount_received", 4499), ("currency", "eur"), ("livemode", True)]
)
def test_what_does_not_fit_moves_nothing(
    till: Till, stripe: StandIn, attempt: Attempt, field: str, value: object
):
    payment = paid(till, stripe, attempt)
    payment[field] = value
    till.hear()
    assert (till.state(attempt), till.payments()) == ("mismatched", [])
    assert till.account("card") == 0


def test_the_words_of_an_event_are_not_believed(till: Till, stripe: StandIn, attempt: Attempt):
    stripe.books.decline(attempt.provider_session_id)
    event = stripe.courier.waiting[-1]
    event |= {"type": "payment_intent.succeeded"}
    event["data"]["object"] |= {"status": "succeeded", "amount_received": 4500}
    assert stripe.courier.send(event) == 202
    till.work()
    assert till.payments() == []


# -- faults on the way


@pytest.mark.parametrize("kind", ["500", "lost", "429", "401", "slow"])
def test_stripe_cannot_be_asked(till: Till, stripe: StandIn, attempt: Attempt, kind: str):
    paid(till, stripe, attempt)
    stripe.faults.plan(kind, method="GET", times=2)
    till.hear()
    booked_once(till, stripe)


def test_a_checkout_in_doubt_opens_one_page(till: Till, stripe: StandIn):
    repair = till.repair()
    stripe.faults.plan("500 saved", "/checkout/sessions")
    with pytest.raises(Uncertain):
        till.open(repair)
    attempt = till.open(repair)
    assert len(stripe.books.all("checkout.session")) == 1
    paid(till, stripe, attempt)
    till.hear()
    booked_once(till, stripe)


def test_no_webhook_ever_came(till: Till, stripe: StandIn, attempt: Attempt):
    stripe.courier.drops = 1.0
    paid(till, stripe, attempt)
    assert till.hear() == []
    found = Reconcile(Client(till.parts.settings.stripe), till.units, till.later).run()
    assert found.found >= 2
    till.work()
    booked_once(till, stripe)
    again = Reconcile(Client(till.parts.settings.stripe), till.units, till.later).run()
    assert again.found == 0
    assert till.one("SELECT sum(found) FROM reconcile_runs WHERE source = 'stripe'") == found.found


def test_the_verb_reads_further_back(till: Till, stripe: StandIn):
    stripe.books.ahead = -6 * 60
    stripe.courier.drops = 1.0
    paid(till, stripe, till.open(till.repair()))
    assert chatwoot_verbs._reconcile_stripe(till.parts, timedelta(hours=48)) >= 2
    till.work()
    booked_once(till, stripe)


def test_what_was_heard_is_not_found_again(till: Till, stripe: StandIn, attempt: Attempt):
    paid(till, stripe, attempt)
    till.hear()
    assert Reconcile(Client(till.parts.settings.stripe), till.units, till.later).run().found == 0


def test_a_webhook_on_its_way_is_not_lost(till: Till, stripe: StandIn, attempt: Attempt):
    paid(till, stripe, attempt)
    assert till.duty("stripe.reconcile").found == 0
    till.hear()
    booked_once(till, stripe)


def test_the_watermark_stays_when_a_pass_fails(till: Till, stripe: StandIn):
    stripe.faults.plan("500", "/events", method="GET")
    with pytest.raises(Exception, match="Stripe answered 500"):
        till.duty("stripe.reconcile")
    assert till.table("SELECT watermark_at, error IS NULL FROM reconcile_runs") == [(None, False)]


def test_a_source_that_works_hides_no_other_that_does_not(till: Till, stripe: StandIn):
    with till.units() as uow:
        uow.session.execute(text("""
            INSERT INTO reconcile_runs (source, started_at, finished_at, watermark_at, error)
            VALUES ('chatwoot', now() - interval '2 hours', now() - interval '2 hours', now(), NULL),
                   ('chatwoot', now(), now(), NULL, 'away')"""))  # fmt: skip
    till.duty("stripe.reconcile")
    with till.units() as uow:
        assert 7199 < ops.snapshot(uow).reconcile_age_seconds < 7300


def test_neither_webhooks_nor_events(till: Till, stripe: StandIn, attempt: Attempt):
    """The round over attempts asks about each by itself."""
    stripe.courier.drops = 1.0
    paid(till, stripe, attempt)
    stripe.books.objects["event"].clear()
    till.age(20)
    assert till.duty("payments.settle") == 1
    booked_once(till, stripe)


def test_many_events_are_read_in_pages(till: Till, stripe: StandIn, attempt: Attempt):
    stripe.courier.drops = 1.0
    for _ in range(130):
        stripe.books.decline(attempt.provider_session_id)
    found = Reconcile(Client(till.parts.settings.stripe), till.units, till.later).run().found
    assert found == 130


def test_stripe_is_told_to_come_again_when_nothing_can_be_stored(
    till: Till, stripe: StandIn, attempt: Attempt
):
    paid(till, stripe, attempt)
    nowhere = "postgresql+psycopg://nobody@127.0.0.1:9/none"
    away = composition.compose(till.parts.settings, nowhere, None)
    event = json.dumps(stripe.courier.waiting[0]).encode()
    answer = composition.edge(away).test_client().post(
        "/webhooks/stripe", data=event, content_type="application/json",
        headers={"Stripe-Signature": signature(event, stripe.webhook_secret)},
    )  # fmt: skip
    away.engine.dispose()
    assert answer.status_code == 503 and int(answer.headers["Retry-After"]) > 0


def test_a_body_that_is_no_json(till: Till):
    answer = till.http.post("/webhooks/stripe", data=b"x=1", headers={"Content-Type": "text/plain"})
    assert answer.status_code == 415
