"""The tracking page leads to what waits for the customer: the quote first, then the money."""

from __future__ import annotations

from urllib.parse import urlsplit

from crm.repairs import service as repairs
from crm.repairs.service import Address
from tests.integration.billing.acts import approve, pay_by_card, pay_path, send


def tracked(service, ref, query=""):
    with service.units() as uow:
        repair = repairs.find(uow, Address(ref=ref))
        link = service.parts.shop.links.track(repair.id, repair.received_at)
    return service.http.get(urlsplit(link).path + query).text


def test_quote_then_deposit_then_nothing(service, stripe, thread):
    _, ref = thread
    assert 'id="due"' not in tracked(service, ref)
    quote_id = send(service, ref, 15_000, deposit=4_000)
    page = tracked(service, ref)
    assert "/quote/" in page and "See the quote" in page and "/pay/" not in page
    assert "Ver o orçamento" in tracked(service, ref, "?lang=pt")
    approve(service, quote_id)
    page = tracked(service, ref)
    assert "Pay £40.00" in page and pay_path(service, ref) in page and "/quote/" not in page
    pay_by_card(service, stripe, pay_path(service, ref))
    assert 'id="due"' not in tracked(service, ref)
