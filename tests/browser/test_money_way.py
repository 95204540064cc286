"""The whole way of a repair's money on a phone: quote, approval, deposit, balance, invoice, receipt.

The card service is the stand-in Stripe with its hosted page; Chatwoot is the sandbox. The customer
goes from link to link as the messages in the thread give them.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from io import BytesIO
from typing import Any
from urllib.parse import urlsplit

import pypdfium2
import pytest
from playwright.sync_api import Page, expect

from bridge import limits
from crm.core.events import SYSTEM
from crm.staff import service as staff
from tests.browser.conftest import Visit
from tests.service import Service, running
from tests.standins.stripe.running import StandIn
from tests.standins.stripe.running import running as stripe_running

pytestmark = pytest.mark.browser

# Where to leave pictures of every stage, for a look at them.
PICTURES = os.environ.get("WALK_PICTURES")
LINES = [
    {"label": "Original screen", "unit_minor": 12_000, "kind": "part", "slug": "screen"},
    {"label": "Fitting", "unit_minor": 3_000},
    {"label": "Protection glass", "unit_minor": 1_500, "kind": "part", "optional": True},
]


@pytest.fixture
def stripe() -> Iterator[StandIn]:
    with stripe_running() as stand_in:
        yield stand_in


@pytest.fixture
def mendline(db: str, stripe: StandIn) -> Iterator[Service]:
    with running(db, SHOP_NAME="Harbour Repairs", **stripe.environ) as service:
        service.subscribe()
        port = service.server.server_port
        stripe.subscribe(f"http://127.0.0.1:{port}/webhooks/stripe")
        # Links in messages lead to the port that only now is known.
        service.parts.shop.links.public_url = f"http://127.0.0.1:{port}"
        limits.limiter.reset()
        yield service


class Way:
    def __init__(self, service: Service, stripe: StandIn, visit: Visit):
        self.service, self.stripe, self.visit = service, stripe, visit
        self.page: Page = visit.page
        self.page.set_default_timeout(10_000)
        self.home = f"http://127.0.0.1:{service.server.server_port}"
        # Browsers ask every site for an icon.
        icon = f"{stripe.url}/favicon.ico"
        self.page.route(icon, lambda route: route.fulfill(status=204))
        with service.units() as uow:
            made = staff.create_key(uow, service.parts.seal, SYSTEM, name="desk", role="manager")
        self._key = made.key
        self._seen = 0

    def call(self, method: str, path: str, **body: Any) -> Any:
        answer = self.service.http.open(
            f"/api/v1{path}", method=method, json=body or None,
            headers={"Authorization": f"Bearer {self._key}"},
        )  # fmt: skip
        assert answer.status_code < 300, answer.text
        return answer.json

    def picture(self, name: str) -> None:
        assert not self.visit.is_too_wide(), name
        if PICTURES:
            self._seen += 1
            path = f"{PICTURES}/{self._seen:02}-{name}.png"
            self.page.screenshot(path=path, full_page=True)

    def link(self, number: int, kind: str) -> str:
        """The newest link of a kind in the customer's thread."""
        told = "\n".join(self.service.told(number))
        return re.findall(rf"{self.home}/{kind}/\S+", told)[-1]

    def labels(self, number: int) -> set[str]:
        return set(self.service.thread(number)["labels"])

    def attributes(self, number: int) -> dict[str, Any]:
        """What agents see of the contact."""
        contact = self.service.one(
            "SELECT contact_id FROM conversations WHERE number = :n", n=number
        )
        return self.service.attributes(contact)

    def pays(self, button: str = "Pay") -> None:
        self.page.get_by_role("button", name="by card").click()
        self.page.wait_for_url(f"{self.stripe.url}/**")
        self.picture("hosted")
        self.page.get_by_role("button", name=button, exact=True).click()
        self.page.wait_for_url(f"{self.home}/pay/**")

    def hears(self) -> None:
        self.stripe.courier.deliver()
        self.service.settle()

    def pdf(self, name: str) -> str:
        """The words of the newest document with this name on the page, opened as a picture too."""
        url = self.page.get_by_role("link", name=name).last.get_attribute("href")
        answer = self.service.http.get(urlsplit(url).path)
        assert answer.mimetype == "application/pdf"
        document = pypdfium2.PdfDocument(BytesIO(answer.data))
        image = document[0].render(scale=1.5).to_pil()
        # A page that shows something is neither white nor black all over.
        low, high = image.convert("L").getextrema()
        assert (low, high) == (0, 255) or high - low > 200
        if PICTURES:
            image.save(f"{PICTURES}/{name.lower()}.png")
        return document[0].get_textpage().get_text_range()


def test_quote_to_invoice(mendline: Service, stripe: StandIn, visit):
    way = Way(mendline, stripe, visit(390))
    number = mendline.open_thread("Hello, my screen broke")
    ticket = way.call("GET", f"/tickets?conversation_id={number}")["data"][0]["ref"]
    ref = way.call("POST", "/repairs", ticket=ticket, device="iPhone 13")["ref"]
    way.call("POST", f"/repairs/{ref}/updates", status="diagnosing")

    # A quote in two options goes into the thread.
    options = [
        {"name": "Original part", "lines": LINES},
        {"name": "Compatible part", "lines": [{"label": "Compatible screen", "unit_minor": 9_900}]},
    ]
    quote = way.call("POST", f"/repairs/{ref}/quotes", options=options, deposit_minor=4_000)
    way.call("POST", f"/quotes/{quote['ref']}/send")
    mendline.settle()
    assert way.labels(number) >= {"quote-waiting"}
    assert way.attributes(number)["quote_due"] == "£99.00"

    # The customer chooses the original part with the glass.
    way.visit.open(way.link(number, "quote"))
    way.picture("quote")
    way.page.get_by_label("Protection glass").first.check()
    expect(way.page.locator("form.offer").first).to_contain_text("£165.00")
    way.page.get_by_role("button", name="Approve").first.click()
    expect(way.page.locator("article")).to_contain_text("Approved")
    expect(way.page.locator("article")).to_contain_text("£165.00")
    way.picture("approved")
    mendline.settle()
    assert way.call("GET", f"/repairs/{ref}")["status"] == "diagnosing"  # the deposit first

    # The deposit: declined once, then paid; the page waits for the card service's word.
    way.visit.open(way.link(number, "pay"))
    expect(way.page.locator("h1")).to_have_text("To pay: £40.00")
    way.picture("deposit-due")
    way.pays()
    expect(way.page.locator("[role=status]").first).to_contain_text("checking")
    way.picture("checking")
    assert way.call("GET", "/payments")["data"] == []
    way.hears()
    expect(way.page.locator("[role=status]").first).to_contain_text("has arrived")
    way.picture("deposit-paid")
    mendline.settle()
    assert way.call("GET", f"/repairs/{ref}")["status"] == "repairing"
    assert "quote_due" not in way.attributes(number)

    # Ready: the invoice is issued, the balance asked for and paid.
    way.call("POST", f"/repairs/{ref}/updates", status="ready_pickup")
    mendline.settle()
    assert way.labels(number) >= {"payment-due"}
    assert way.attributes(number)["balance_due"] == "£125.00"
    way.visit.open(way.link(number, "pay"))
    expect(way.page.locator("h1")).to_have_text("To pay: £125.00")
    way.pays()
    way.hears()
    expect(way.page.locator("h1")).to_have_text("All paid. Thank you!")
    way.picture("all-paid")
    mendline.settle()
    assert "payment-due" not in way.labels(number)

    words = way.pdf("Invoice")
    assert "165.00" in words and "Original screen" in words
    assert "125.00" in way.pdf("Receipt")
    charges = [one["amount"] for one in stripe.books.all("charge")]
    assert sorted(charges) == [4_000, 12_500]
    notes = "\n".join(mendline.notes(number))
    assert "quote approved" in notes and "£125.00" in notes
    assert mendline.unfinished() == []
    assert way.visit.faults == []
