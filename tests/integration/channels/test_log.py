"""The log of messages: whom and what each is about, and where it went."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from sqlalchemy import event

from crm.core.events import SYSTEM
from crm.notifications import service
from tests import builders
from tests.integration.channels.conftest import Channels

MAIL, PHONE = "ilse.brandt@example.org", "+447700900123"


def log(channels: Channels, query: str = "", role: str = "desk") -> list[dict[str, Any]]:
    answer = channels.shop.call("GET", f"/notifications{query}", role)
    assert answer.status_code == 200, answer.text
    return answer.json["data"]


@contextmanager
def counted(channels: Channels):
    statements: list[str] = []

    def heard(_conn, _cursor, statement, *_rest) -> None:
        statements.append(statement)

    engine = channels.shop.parts.engine
    event.listen(engine, "before_cursor_execute", heard)
    yield statements
    event.remove(engine, "before_cursor_execute", heard)


def written(channels: Channels, number: int) -> None:
    """A message to a customer of its own about a repair of its own."""
    with channels.shop.parts.units() as uow:
        customer = builders.customer(uow, name=f"Number {number}")
        service.compose(
            uow, f"test:{number}", "follow_up", "Words", locale="en", customer_id=customer.id,
            repair_id=builders.repair(uow, customer.id).id, hold=timedelta(), actor=SYSTEM,
        )  # fmt: skip


def test_a_message_names_its_records_and_hides_the_address(channels: Channels):
    customer = channels.customer(email=MAIL)
    repair = channels.repair(customer)
    channels.settle()
    (told,) = log(channels)
    assert (told["customer"], told["repair"], told["booking"]) == (customer, repair, None)
    assert (told["channel"], told["address"]) == ("mail", "i***@example.org")
    assert MAIL not in channels.shop.call("GET", "/notifications", "desk").text
    resent = channels.shop.call("POST", f"/notifications/{told['id']}/resend", "desk",
                                json={"again": True})  # fmt: skip
    assert (resent.json["customer"], resent.json["repair"]) == (customer, repair)


def test_a_number_is_hidden_as_well(channels: Channels):
    channels.repair(channels.customer(email=MAIL))
    channels.write("UPDATE notifications SET channel = 'sms', address = :to", to=PHONE)
    assert log(channels)[0]["address"] == "***23"


def test_what_is_about_nothing_says_so(channels: Channels):
    written(channels, 1)
    channels.write("UPDATE notifications SET customer_id = NULL, repair_id = NULL, address = NULL")
    told = log(channels)[0]
    assert {told[name] for name in ("customer", "repair", "booking", "address")} == {None}


def test_a_long_page_asks_no_more_than_a_short_one(channels: Channels):
    counts = []
    for role in ("desk", "viewer"):
        log(channels, role=role)
    for numbers in (range(1), range(1, 8)):
        for number in numbers:
            written(channels, number)
        for role in ("desk", "viewer"):
            with counted(channels) as statements:
                rows = log(channels, role=role)
            assert len({row["repair"] for row in rows}) == numbers.stop
            counts.append(len(statements))
    assert counts[:2] == counts[2:]
