"""What one channel refused and another brought is not brought again by the first."""

from __future__ import annotations

from crm.core import deadletters
from crm.core.events import SYSTEM
from crm.customers import service as customers
from tests.integration.channels.conftest import PostOffice
from tests.service import Service


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


def test_what_its_conversation_could_not_deliver_goes_by_mail(mendline: Service, _post: PostOffice):
    """Although somebody wrote after it; and what was read there after all, once only."""
    number, key = mendline.open_thread(email="ilse@example.org"), mendline.shop_key()
    with mendline.units() as uow:
        ref = mendline.one("SELECT ref FROM customers")
        customers.update(uow, ref, {"email": "ilse@example.org"}, SYSTEM)
    mendline.report(key, "repair.created", external_id="A-1", conversation_id=number)
    mendline.settle()
    mendline.agent(number, "I am looking at it now")
    mendline.settle()
    mendline.becomes(number, "failed", "131047: Re-engagement message")
    mendline.settle()
    log = "SELECT channel, state, refusals ->> 'chatwoot' FROM notifications"
    reason = "permanent: 131047: Re-engagement message"
    assert [tuple(row) for row in mendline.table(log)] == [("mail", "sent", reason)]
    assert len(_post.mails) == 1

    mendline.report(key, "repair.status_changed", external_id="A-1", status="testing")
    mendline.settle()
    mendline.becomes(number, "failed", "131026: Undeliverable")
    assert mendline.courier.wait_until_idle(5)
    mendline.take_in()
    mendline.becomes(number, "read")
    mendline.settle()
    channel, state, _ = mendline.table(f"{log} ORDER BY id DESC LIMIT 1")[0]
    assert (channel, state) == ("chatwoot", "read")
    assert len(_post.mails) == 1
