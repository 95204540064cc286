"""What one channel refused and another brought is not brought again by the first."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from crm.core import deadletters
from crm.core.events import SYSTEM
from crm.customers import service as customers
from tests.integration.channels.conftest import PostOffice
from tests.service import Service, running


@pytest.fixture
def mendline(db: str, _post: PostOffice) -> Iterator[Service]:
    _post.empty()
    with running(db, SMTP_URL=_post.url, MAIL_FROM="desk@quay.example") as service:
        service.subscribe()
        yield service


def test_a_replay_of_what_was_refused_brings_no_second_one(mendline: Service, _post: PostOffice):
    number, key = mendline.open_thread(email="ilse@example.org"), mendline.shop_key()
    with mendline.units() as uow:
        ref = mendline.one("SELECT ref FROM customers")
        customers.update(uow, ref, {"email": "ilse@example.org"}, SYSTEM)
    mendline.report(key, "repair.created", external_id="A-1", conversation_id=number)
    mendline.take_in()
    mendline.play("PUT", "/faults", api_status_next=[{"status": 422, "count": 100}])
    mendline.settle()
    mendline.play("PUT", "/faults", api_status_next=[])
    assert len(_post.mails) == 1 and mendline.told(number) == []
    row = mendline.table("SELECT state, reason FROM outbox WHERE kind = 'chatwoot.message'")
    assert [tuple(one) for one in row] == [("cancelled", "discarded: mail brings it")]
    with mendline.units() as uow:
        deadletters.replay_many(uow, "outbox", deadletters.Filter(), SYSTEM)
    mendline.settle()
    assert len(_post.mails) == 1
    assert mendline.told(number) == []
