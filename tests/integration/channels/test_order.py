"""A conversation comes before e-mail; what it will not take goes by e-mail."""

from __future__ import annotations

from sqlalchemy import text

from crm.core.events import SYSTEM
from crm.customers import service as customers
from crm.notifications import preferences
from crm.notifications.rules import Frequency, Wishes
from tests.integration.channels.conftest import Channels, PostOffice
from tests.service import Service


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


def test_agents_read_in_the_thread_what_was_told_elsewhere(mendline: Service, _post: PostOffice):
    number, key = mendline.open_thread(email="ilse@example.org"), mendline.shop_key()
    with mendline.units() as uow:
        customers.update(
            uow, mendline.one("SELECT ref FROM customers"), {"email": "ilse@example.org"}, SYSTEM
        )
        wishes = Wishes(channels=("mail",))
        preferences.change(uow, mendline.one("SELECT id FROM customers"), wishes, SYSTEM)
    mendline.report(key, "repair.created", external_id="A-1", conversation_id=number)
    mendline.settle()
    assert len(_post.mails) == 1 and mendline.told(number) == []
    (note,) = [one for one in mendline.notes(number) if "was told by" in one]
    assert note.startswith(
        "The customer was told by e-mail (proven email; the customer's choice):\n> We have received"
    )


def test_agents_read_what_was_not_told(mendline: Service):
    number, key = mendline.open_thread(email="ilse@example.org"), mendline.shop_key()
    with mendline.units() as uow:
        customer_id = mendline.one("SELECT id FROM customers")
        wishes = Wishes(frequency=Frequency.ESSENTIAL)
        preferences.change(uow, customer_id, wishes, SYSTEM)
    mendline.report(key, "repair.created", external_id="A-1", conversation_id=number)
    mendline.settle()
    assert mendline.told(number) == []
    (note,) = [one for one in mendline.notes(number) if "was not told" in one]
    assert "essential messages only" in note and "We have received" in note


def test_who_cannot_be_answered_there_is_told_elsewhere_or_once_they_write(mendline: Service):
    """A closed window is no refusal: the customer's next message opens it."""
    contact, key = mendline.visitor(), mendline.shop_key()
    number = mendline.writes(contact, "Hello, my screen broke")
    mendline.settle()
    with mendline.units() as uow:
        uow.session.execute(text("UPDATE conversations SET can_reply = false"))
    mendline.report(key, "repair.created", external_id="A-1", conversation_id=number)
    mendline.settle()
    assert mendline.told(number) == []
    ((state, reason),) = mendline.table("SELECT state, reason FROM notifications")
    assert (state, reason) == ("no_channel", "chatwoot: its window for answers is closed")
    with mendline.units() as uow:
        uow.session.execute(text("UPDATE conversations SET can_reply = true"))
    assert mendline.writes(contact, "is it ready?") == number
    mendline.settle()
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
