"""A conversation comes before e-mail; what it will not take goes by e-mail."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from crm.core.events import SYSTEM
from crm.customers import service as customers
from tests.integration.channels.conftest import Channels, PostOffice
from tests.service import Service, running


@pytest.fixture
def mendline(db: str, _post: PostOffice) -> Iterator[Service]:
    _post.empty()
    with running(db, SMTP_URL=_post.url, MAIL_FROM="desk@quay.example") as service:
        service.subscribe()
        yield service


def _states(mendline: Service) -> list[tuple]:
    query = "SELECT channel, state, refusals FROM notifications ORDER BY id"
    return [tuple(row) for row in mendline.table(query)]


def test_chat_then_mail(mendline: Service, _post: PostOffice):
    number, key = mendline.open_thread(email="ilse@example.org"), mendline.shop_key()
    with mendline.units() as uow:
        ref = mendline.one("SELECT ref FROM customers")
        customers.update(uow, ref, {"email": "ilse@example.org"}, SYSTEM)
    mendline.report(key, "repair.created", external_id="A-1", conversation_id=number)
    mendline.settle()
    assert _states(mendline) == [("chatwoot", "sent", {})]
    assert len(mendline.told(number)) == 1 and _post.mails == []

    mendline.report(key, "repair.status_changed", external_id="A-1", status="testing")
    mendline.take_in()
    mendline.play("PUT", "/faults", api_status_next=[{"status": 422, "count": 100}])
    mendline.settle()
    ((_, _, _), (channel, state, refusals)) = _states(mendline)
    assert (channel, state, list(refusals)) == ("mail", "sent", ["chatwoot"])
    assert refusals["chatwoot"].startswith("permanent: Chatwoot answered 422")
    assert [mail["To"] for mail in _post.mails] == ["ilse@example.org"]
    assert len(mendline.told(number)) == 1


def test_a_correction_takes_back_what_was_told_of_the_status_alone(channels: Channels):
    """A receipt that still looks for a channel stays true when the repair goes back a step."""
    ref = channels.repair(channels.customer())
    call = channels.shop.call
    moved = call("POST", f"/repairs/{ref}/updates", "desk", json={"status": "diagnosing"})
    assert moved.status_code == 201, moved.text
    cash = {"repair": ref, "method": "cash", "amount_minor": 500, "currency": "GBP"}
    assert call("POST", "/payments", "desk", json=cash).status_code == 201
    back = call("POST", f"/repairs/{ref}/updates", "desk",
                json={"status": "received", "reason": "wrong one"})  # fmt: skip
    assert back.json["outcome"] == "corrected"
    states = dict(channels.log("template, state"))
    assert states["repair_diagnosing"] == "cancelled"
    assert states["payment_received"] == "no_channel"
