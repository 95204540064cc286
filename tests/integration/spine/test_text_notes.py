"""A text message to the shop's number is shown to agents as a note in the customer's thread."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import select

from crm import incoming
from crm.core.events import SYSTEM
from crm.customers import service as customers
from crm.customers.models import Customer
from crm.incoming import Text
from tests.service import Service

PHONE = "+447700900123"


def text(words: str, sid: str, *, channel: str = "sms", media: int = 0) -> Text:
    return Text(sid, channel, PHONE, words, "", media, "", datetime.now(UTC))


def test_agents_get_a_note_once(mendline: Service):
    number = mendline.open_thread()
    with mendline.units() as uow:
        ref = uow.session.scalar(select(Customer.ref))
        customers.update(uow, ref, {"phone": PHONE}, SYSTEM)
    for _ in range(2):
        with mendline.units() as uow:
            incoming.take(uow, mendline.parts.seal, text("Is it {{ ready }}?", "SM1", media=2))
    mendline.settle()
    (note,) = [one for one in mendline.notes(number) if "Is it" in one]
    assert "by SMS with 2 picture(s)" in note
