"""What the doctor says about Stripe: key, mode, webhook."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from bridge.integrations.stripe import doctor
from bridge.integrations.stripe.events import FETCHED
from bridge.settings import StripeSettings
from tests.standins.stripe.running import KEY, WEBHOOK_SECRET, StandIn
from tests.standins.stripe.running import running as standing_in

HERE, SHOP = "http://localhost:8000", "https://quay.example"


@pytest.fixture(scope="module")
def line() -> Iterator[StandIn]:
    with standing_in() as stand_in:
        yield stand_in


def said(stripe: StandIn, *, key: str = KEY, secrets: tuple[str, ...] = (WEBHOOK_SECRET,),
         public_url: str = HERE) -> dict[str, tuple[str, str, str]]:  # fmt: skip
    told = StripeSettings(stripe.url, key, secrets)
    return {one.name: (one.state, one.detail, one.todo) for one in doctor.checks(told, public_url)}


def test_off():
    (check,) = doctor.checks(None, HERE)
    assert check.state == "off" and "STRIPE_SECRET_KEY" in check.todo


def test_all_is_well_here(line: StandIn):
    assert {state for state, _, _ in said(line).values()} == {"ok"}


@pytest.mark.parametrize("key", ["pk_test_0123456789abcdef", "whsec_0123456789abcdef"])
def test_another_kind_of_key(line: StandIn, key: str):
    assert said(line, key=key)["stripe"][0] == "fail"


def test_a_wrong_key(line: StandIn):
    state, detail, _ = said(line, key="sk_test_of_somebody_else_0123")["stripe"]
    assert (state, detail) == ("fail", "answers 401")


def test_nobody_there():
    told = StripeSettings("http://127.0.0.1:9", KEY, (WEBHOOK_SECRET,))
    assert next(doctor.checks(told, HERE)).state == "fail"


def test_a_test_key_in_a_real_shop(line: StandIn):
    assert said(line, public_url=SHOP)["stripe.mode"][0] == "warn"


def test_no_secret(line: StandIn):
    here = said(line, secrets=())["stripe.webhook"]
    shop = said(line, secrets=(), public_url=SHOP)["stripe.webhook"]
    assert here[0] == shop[0] == "warn"
    assert "stripe listen" in here[2] and f"{SHOP}/webhooks/stripe" in shop[2]


@pytest.mark.parametrize(
    ("url", "events", "state"),
    [
        (f"{SHOP}/webhooks/stripe", ["*"], "ok"),
        (f"{SHOP}/webhooks/stripe", list(FETCHED), "ok"),
        (f"{SHOP}/webhooks/stripe", ["charge.refunded"], "warn"),
        ("https://elsewhere.example/", ["*"], "warn"),
    ],
)
def test_the_webhook_at_stripe(line: StandIn, url: str, events: list[str], state: str):
    line.api.webhook_endpoints = [{"url": url, "enabled_events": events, "status": "enabled"}]
    assert said(line, public_url=SHOP)["stripe.webhook"][0] == state


def test_no_line_holds_a_secret(line: StandIn):
    told = str(said(line)) + str(said(line, public_url=SHOP)) + str(said(line, key="sk_live_x" * 4))
    assert KEY not in told and WEBHOOK_SECRET not in told and "sk_live_x" not in told
