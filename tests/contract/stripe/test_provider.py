"""Our adapter against the stand-in over real HTTP: what it asks for, and what it makes of faults."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from bridge.integrations.stripe.client import Client
from bridge.integrations.stripe.facts import ATTEMPT, EFFECT
from bridge.integrations.stripe.faults import Refused
from bridge.integrations.stripe.provider import StripeProvider
from bridge.settings import StripeSettings
from crm.core.errors import Denied, Permanent, Temporary, Uncertain
from crm.payments.provider import Order, RefundOrder
from tests.standins.stripe.running import KEY, StandIn
from tests.standins.stripe.running import running as standing_in

NOW = datetime.now(UTC).replace(microsecond=0)
ORDER = Order(
    attempt_ref="CHK-2611-7K3QD",
    amount_minor=12_345,
    currency="GBP",
    label="iPhone 13, screen — deposit ✓",
    success_url="https://quay.example/pay/t?back=CHK",
    cancel_url="https://quay.example/pay/t",
    customer_email="ilse@example.org",
    locale="pt",
    expires_at=NOW + timedelta(minutes=45),
    created_at=NOW,
)


@pytest.fixture(scope="module")
def line() -> Iterator[StandIn]:
    with standing_in() as stand_in:
        stand_in.faults.seconds = 1.0
        yield stand_in


@pytest.fixture
def stripe(line: StandIn) -> StandIn:
    line.empty()
    line.books.late_fees = line.books.slow_refunds = False
    line.books.ahead = 0
    return line


def provider(stripe: StandIn, key: str = KEY, later: timedelta = timedelta()) -> StripeProvider:
    told = StripeSettings(api_base=stripe.url, secret_key=key, webhook_secrets=())
    return StripeProvider(Client(told, 0.5), now=lambda: datetime.now(UTC) + later)


def refund_order(stripe: StandIn, amount: int = 500, effect: str = "refund:1") -> RefundOrder:
    """An order to give back a part of a payment that is really there."""
    session = provider(stripe).checkout(replace(ORDER, attempt_ref=f"CHK-{effect}"))
    payment = stripe.books.pay(session.id)
    return RefundOrder(effect, payment["id"], None, amount, "GBP", "", datetime.now(UTC))


def test_a_checkout_asks_for_our_amount_and_names_nobody(stripe: StandIn):
    session = provider(stripe).checkout(ORDER)
    made = stripe.books.one("checkout.session", session.id)
    assert (made["amount_total"], made["currency"], made["mode"]) == (12_345, "gbp", "payment")
    assert made["label"] == ORDER.label
    assert made["metadata"] == {ATTEMPT: ORDER.attempt_ref}
    assert made["payment_intent_data"]["metadata"] == {ATTEMPT: ORDER.attempt_ref}
    assert made["client_reference_id"] == ORDER.attempt_ref
    assert (made["customer_email"], made["locale"]) == (ORDER.customer_email, "pt")
    assert session.expires_at == ORDER.expires_at
    assert session.url == made["url"]
    assert stripe.api.requests[-1][2] == ORDER.attempt_ref, "the attempt is the key"


def test_the_same_checkout_again_is_the_same_session(stripe: StandIn):
    one = provider(stripe)
    assert one.checkout(ORDER) == one.checkout(ORDER)
    assert len(stripe.books.all("checkout.session")) == 1


@pytest.mark.parametrize("currency", ["ISK", "UGX"])
def test_a_currency_stripe_counts_in_hundredths_is_not_charged_at_a_hundredth(
    stripe: StandIn, currency: str
):
    with pytest.raises(Permanent, match=currency):
        provider(stripe).checkout(replace(ORDER, currency=currency, amount_minor=5_000))
    assert not stripe.books.all("checkout.session")


def test_without_an_address_none_is_sent(stripe: StandIn):
    session = provider(stripe).checkout(replace(ORDER, customer_email=None, locale="de"))
    made = stripe.books.one("checkout.session", session.id)
    assert (made["customer_email"], made["locale"]) == (None, "auto")


def test_an_address_stripe_refuses_does_not_stop_the_payment(stripe: StandIn):
    session = provider(stripe).checkout(replace(ORDER, customer_email="<script>@{{x}}"))
    assert stripe.books.one("checkout.session", session.id)["customer_email"] is None


@pytest.mark.parametrize("label", ["x" * 10_000, "🔧" * 300, "‮‏שלום", "<script>{{7*7}}"])
def test_a_label_of_any_kind_is_carried(stripe: StandIn, label: str):
    session = provider(stripe).checkout(replace(ORDER, label=label))
    assert stripe.books.one("checkout.session", session.id)["label"] == label[:250]


def test_other_parameters_under_the_same_key_are_refused(stripe: StandIn):
    provider(stripe).checkout(ORDER)
    with pytest.raises(Permanent):
        provider(stripe).checkout(replace(ORDER, amount_minor=1))
    assert len(stripe.books.all("checkout.session")) == 1


@pytest.mark.parametrize(
    ("kind", "error"),
    [("slow", Uncertain), ("500 saved", Uncertain), ("lost", Uncertain), ("429", Temporary),
     ("401", Denied)],
)  # fmt: skip
def test_a_fault_of_a_checkout(stripe: StandIn, kind: str, error: type[Exception]):
    stripe.faults.plan(kind)
    one = provider(stripe)
    with pytest.raises(error) as raised:
        one.checkout(ORDER)
    assert type(raised.value) is error
    assert "ilse" not in str(raised.value)
    assert one.checkout(ORDER).url, "the repeat finds or makes it"
    assert len(stripe.books.all("checkout.session")) == 1


def test_a_429_says_how_long_to_wait(stripe: StandIn):
    stripe.faults.plan("429")
    with pytest.raises(Temporary) as raised:
        provider(stripe).checkout(ORDER)
    assert raised.value.after == 1


def test_nobody_there_is_temporary():
    told = StripeSettings("http://127.0.0.1:9", KEY, ())
    with pytest.raises(Temporary):
        StripeProvider(Client(told, 0.5)).checkout(ORDER)


def test_a_stored_500_that_did_nothing_leads_to_a_new_key(stripe: StandIn):
    stripe.faults.plan("500")
    one = provider(stripe)
    with pytest.raises(Uncertain):
        one.checkout(ORDER)
    session = one.checkout(ORDER)
    assert [made["id"] for made in stripe.books.all("checkout.session")] == [session.id]


def test_an_expired_page_and_a_paid_one_can_be_closed_again(stripe: StandIn):
    one = provider(stripe)
    session = one.checkout(ORDER)
    one.expire(session.id)
    one.expire(session.id)
    assert stripe.books.one("checkout.session", session.id)["status"] == "expired"
    with pytest.raises(Refused):
        one.expire("cs_test_unknown")


# -- finding


def test_what_became_of_an_attempt(stripe: StandIn):
    one = provider(stripe)
    assert one.find(ORDER.attempt_ref) is None
    session = one.checkout(ORDER)
    assert one.find(ORDER.attempt_ref) is None, "open is no news"
    stripe.books.decline(session.id)
    assert one.find(ORDER.attempt_ref) is None, "another card may be tried"
    payment = stripe.books.pay(session.id)
    fact = one.find(ORDER.attempt_ref)
    assert fact is not None
    assert (fact.state, fact.payment_id, fact.charge_id) == (
        "paid", payment["id"], payment["latest_charge"],
    )  # fmt: skip
    assert (fact.amount_minor, fact.currency, fact.fee_minor) == (12_345, "GBP", 205)
    assert fact.livemode is False


def test_a_payment_is_found_though_the_index_is_behind(stripe: StandIn):
    one = provider(stripe)
    stripe.books.pay(one.checkout(ORDER).id)
    stripe.faults.search_is_blind = True
    fact = one.find(ORDER.attempt_ref)
    assert fact is not None and fact.state == "paid"


def test_a_session_we_know_is_asked_for_at_once(stripe: StandIn):
    session = provider(stripe).checkout(ORDER)
    stripe.books.pay(session.id)
    told = StripeSettings(api_base=stripe.url, secret_key=KEY, webhook_secrets=())
    stripe.api.requests.clear()
    fact = StripeProvider(Client(told), {ORDER.attempt_ref: session.id}.get).find(ORDER.attempt_ref)
    assert fact is not None and fact.state == "paid"
    assert len(stripe.api.requests) == 1


def test_a_fee_that_is_not_known_yet(stripe: StandIn):
    stripe.books.late_fees = True
    one = provider(stripe)
    payment = stripe.books.pay(one.checkout(ORDER).id)
    assert one.find(ORDER.attempt_ref).fee_minor is None
    stripe.books.book(payment["latest_charge"])
    assert one.find(ORDER.attempt_ref).fee_minor == 205


def test_an_expired_attempt_says_so(stripe: StandIn):
    one = provider(stripe)
    one.checkout(ORDER)
    stripe.books.ahead = 3600
    fact = one.find(ORDER.attempt_ref)
    assert (fact.state, fact.payment_id) == ("expired", None)


@pytest.mark.parametrize(("paid", "state"), [(True, "paid"), (False, "failed")])
def test_a_way_of_paying_that_takes_days(stripe: StandIn, paid: bool, state: str):
    one = provider(stripe)
    payment = stripe.books.pay_slowly(one.checkout(ORDER).id)
    assert one.find(ORDER.attempt_ref).state == "processing"
    stripe.books.clear(payment["id"], paid=paid)
    assert one.find(ORDER.attempt_ref).state == state


# -- giving back


def test_a_refund_carries_its_effect(stripe: StandIn):
    order = refund_order(stripe)
    fact = provider(stripe).refund(order)
    assert (fact.state, fact.amount_minor, fact.effect_key) == ("done", 500, "refund:1")
    assert fact.payment_id == order.payment_id
    assert provider(stripe).refund(order) == fact
    assert stripe.books.refunded(EFFECT) == {"refund:1": 500}


def test_too_much_is_refused_for_good(stripe: StandIn):
    with pytest.raises(Permanent):
        provider(stripe).refund(refund_order(stripe, 12_346))


@pytest.mark.parametrize("kind", ["slow", "500 saved", "lost"])
def test_a_refund_in_doubt_is_found(stripe: StandIn, kind: str):
    order = refund_order(stripe)
    stripe.faults.plan(kind, "/refunds")
    one = provider(stripe)
    with pytest.raises(Uncertain):
        one.refund(order)
    found = one.find_refund(order.effect_key, order.payment_id)
    assert found is not None and found.state == "done"
    assert one.refund(order).refund_id == found.refund_id
    assert stripe.books.refunded(EFFECT) == {"refund:1": 500}


def test_a_refund_that_never_arrived_is_made_under_a_new_key(stripe: StandIn):
    order = refund_order(stripe)
    stripe.faults.plan("500", "/refunds", times=3)
    one = provider(stripe)
    with pytest.raises(Uncertain):
        one.refund(order)
    assert one.find_refund(order.effect_key, order.payment_id) is None
    with pytest.raises(Uncertain):
        one.refund(order)  # the stored answer, then another failure under the next key
    assert one.refund(order).state in ("pending", "done")
    assert stripe.books.refunded(EFFECT) == {"refund:1": 500}


def test_a_key_stripe_has_forgotten_is_not_trusted(stripe: StandIn):
    order = refund_order(stripe)
    provider(stripe).refund(order)
    stripe.api.stored.clear()
    fact = provider(stripe, later=timedelta(hours=23, minutes=1)).refund(order)
    assert fact.effect_key == "refund:1"
    assert stripe.books.refunded(EFFECT) == {"refund:1": 500}


def test_after_a_day_the_key_is_a_new_one(stripe: StandIn):
    order = refund_order(stripe)
    provider(stripe, later=timedelta(hours=47)).refund(order)
    assert stripe.api.requests[-1][2] == f"refund:1:{order.payment_id}:2"


def test_the_same_effect_key_of_another_database_is_another_refund(stripe: StandIn):
    """As after a restored backup: the number of a refund comes again."""
    one, first = provider(stripe), refund_order(stripe)
    session = one.checkout(replace(ORDER, attempt_ref="CHK-2611-OTHER"))
    second = replace(first, payment_id=stripe.books.pay(session.id)["id"])
    assert one.refund(first).refund_id != one.refund(second).refund_id


def test_a_live_key_says_so(stripe: StandIn):
    assert provider(stripe, "sk_live_0123456789abcdef").livemode is True
    assert provider(stripe, "rk_live_0123456789abcdef").livemode is True
    assert provider(stripe, "rk_test_0123456789abcdef").livemode is False
