"""A text message to the shop's number is shown to agents as a note in the customer's thread."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from sqlalchemy import select, update

from crm import incoming
from crm.core.events import SYSTEM
from crm.customers import service as customers
from crm.customers.models import Customer
from crm.incoming import Text
from crm.notifications.models import Notification
from tests.integration.spine.meanings import offer
from tests.service import Service

PHONE = "+447700900123"


def text(words: str, sid: str, *, channel: str = "sms", media: int = 0, opt_out: str = "") -> Text:
    return Text(sid, channel, PHONE, words, "", media, opt_out, datetime.now(UTC))


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


@pytest.mark.parametrize(
    ("words", "opt_out", "note"),
    [("STOP", "", "no messages on this telephone"), ("CANCEL", "", "no messages on this telephone"),
     ("CANCEL", "STOP", "They may have meant their booking")],
)  # fmt: skip
def test_agents_hear_of_a_stop_by_text(mendline: Service, words: str, opt_out: str, note: str):
    number = mendline.open_thread()
    with mendline.units() as uow:
        customers.update(uow, uow.session.scalar(select(Customer.ref)), {"phone": PHONE}, SYSTEM)
    if opt_out:
        offer(mendline)
        with mendline.units() as uow:
            told = update(Notification).values(channel="sms", address=PHONE)
            uow.session.execute(told.where(Notification.template == "booking_received"))
    with mendline.units() as uow:
        incoming.take(uow, mendline.parts.seal, text(words, "SM1", opt_out=opt_out))
    mendline.settle()
    assert len([one for one in mendline.notes(number) if note in one]) == 1
    assert mendline.unfinished() == []
