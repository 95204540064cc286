"""The stand-in's hosted page, as a customer uses it: browser tests lean on it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import requests

from tests.standins.stripe.books import Refusal
from tests.standins.stripe.running import StandIn
from tests.standins.stripe.running import running as standing_in

SUCCESS, CANCEL = "http://shop.test/pay/t?back=CHK", "http://shop.test/pay/t"


@pytest.fixture(scope="module")
def stripe() -> Iterator[StandIn]:
    with standing_in() as stand_in:
        yield stand_in


@pytest.fixture
def page(stripe: StandIn) -> str:
    stripe.empty()
    product = {"name": "Deposit <b>"}
    price = {"currency": "gbp", "unit_amount": "4500", "product_data": product}
    session = stripe.books.open_session({
        "mode": "payment", "success_url": SUCCESS, "cancel_url": CANCEL,
        "line_items": {"0": {"price_data": price}},
    })  # fmt: skip
    return session["url"]


def press(page: str, button: str) -> requests.Response:
    return requests.post(f"{page}/{button}", allow_redirects=False, timeout=5)


def test_it_shows_what_is_paid(page: str):
    told = requests.get(page, timeout=5).text
    assert "45.00 GBP" in told and "Deposit &lt;b&gt;" in told
    assert all(f">{name}<" in told for name in ("Pay", "Decline", "Cancel"))


def test_paid(stripe: StandIn, page: str):
    answer = press(page, "pay")
    assert (answer.status_code, answer.headers["Location"]) == (303, SUCCESS)
    assert stripe.books.balance() == 4500 - 87
    assert requests.get(page, timeout=5).status_code == 410
    assert press(page, "pay").status_code == 410, "not twice"


def test_declined_then_cancelled(stripe: StandIn, page: str):
    assert "declined" in press(page, "decline").text
    answer = press(page, "cancel")
    assert (answer.status_code, answer.headers["Location"]) == (303, CANCEL)
    assert stripe.books.balance() == 0
    with pytest.raises(Refusal):
        stripe.books.refund({"payment_intent": stripe.books.all("payment_intent")[0]["id"]})


def test_events_are_posted_alone(stripe: StandIn, page: str):
    posted: list[str] = []

    def post(url: str, body: bytes, headers: dict[str, str]) -> int:
        posted.append(headers["Stripe-Signature"])
        return 200

    stripe.courier.post = post
    stripe.subscribe("http://shop.test/webhooks/stripe", alone=True)
    press(page, "pay")
    for _ in range(100):
        if len(posted) == 4:
            break
        stripe.courier._stop.wait(0.05)
    assert len(posted) == 4, "created, succeeded twice, completed"
