"""The warranty of booked work, on the page of the repair it became."""

from __future__ import annotations

from urllib.parse import urlsplit

from crm.bookings.models import BookedDevice
from crm.catalog.models import RepairType
from crm.core.events import SYSTEM
from crm.repairs import service as repairs
from crm.repairs.models import Repair
from crm.repairs.service import Address, StatusNews
from crm.repairs.statuses import RepairStatus
from tests.integration.bookings.conftest import Shop


def test_each_booked_repair_is_named_as_in_the_catalogue(shop: Shop):
    with shop.parts.units() as uow:
        for one in uow.session.query(RepairType):
            one.name = {"screen": "Screen", "liquid": "Our <b>drying</b>"}[one.slug]
    booking = shop.confirmed(
        devices=[{"category": "macbook", "name": "Old one", "repair_types": ["screen", "liquid"]}]
    )
    shop.call("POST", f"/bookings/{booking['ref']}/check-in", "desk")
    with shop.parts.units() as uow:
        repair = uow.session.query(Repair).one()
        assert uow.session.query(BookedDevice).one().repair_id == repair.id
        path = urlsplit(shop.parts.shop.links.track(repair.id, repair.received_at)).path
        news = StatusNews(RepairStatus.DELIVERED, by_staff=True)
        repairs.change_status(uow, Address(ref=repair.ref), news, SYSTEM)

    page = shop.http.get(path).text
    assert "<dt>Screen</dt>" in page and "<dt>Our &lt;b&gt;drying&lt;/b&gt;</dt>" in page
    assert "<dt>Ecrã</dt>" in shop.http.get(f"{path}?lang=pt").text
