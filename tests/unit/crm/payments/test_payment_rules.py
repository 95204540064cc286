"""Pure rules of attempts: until when somebody is sent to pay, and what fits."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from crm.payments import rules
from crm.payments.models import Attempt
from crm.payments.provider import Fact

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


def attempt(**fields):
    words = {"amount_minor": 3000, "currency": "GBP", "livemode": False, "state": "open",
             "created_at": NOW, "expires_at": NOW + rules.ATTEMPT_LIFE}  # fmt: skip
    return Attempt(**words | fields)


def fact(**fields):
    words = {"attempt_ref": "CHK", "session_id": "cs", "payment_id": "pi", "charge_id": None,
             "amount_minor": 3000, "currency": "gbp", "livemode": False, "state": "paid",
             "fee_minor": None, "at": NOW}  # fmt: skip
    return Fact(**words | fields)


@pytest.mark.parametrize(
    ("state", "minutes", "takes"),
    [
        ("created", 0, True),
        ("created", 9, True),
        ("created", 10, False),
        ("open", 39, True),
        ("open", 40, False),
        *((state, 0, False) for state in rules.ATTEMPT_STATES if state not in rules.LIVE),
    ],
)
def test_until_when_somebody_is_sent_to_pay(state, minutes, takes):
    now = NOW + timedelta(minutes=minutes)
    assert rules.takes_money(attempt(state=state), now) is takes


def test_a_page_lasts_as_long_as_providers_ask_for():
    """Opened at the last moment, it still has the half hour that is the least they take."""
    assert timedelta(minutes=30) <= rules.ATTEMPT_LIFE - rules.OPEN_WITHIN


def test_an_attempt_nothing_is_told_of_is_over_in_the_end():
    page = attempt(provider_session_id="cs")
    assert not rules.is_over(page, NOW)
    assert rules.is_over(page, page.expires_at)
    assert rules.is_over(attempt(state="created"), NOW)


@pytest.mark.parametrize(
    ("told", "wrong"),
    [
        ({}, ""),
        ({"amount_minor": 2999}, "amount"),
        ({"currency": "EUR"}, "currency"),
        ({"livemode": True}, "livemode"),
        ({"payment_id": ""}, "no payment is named"),
        ({"amount_minor": 0, "livemode": True}, "amount, livemode"),
    ],
)
def test_what_fits(told, wrong):
    assert rules.misfit(attempt(), fact(**told)) == wrong
