"""A booking made from a conversation is told there, and the conversation knows it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from crm.core.events import SYSTEM
from crm.staff import service as staff
from tests.integration.bookings.conftest import Shop, fill_catalogue, furnish
from tests.service import Service, running


@pytest.fixture
def joined(db: str) -> Iterator[tuple[Service, Shop]]:
    with running(db) as service:
        service.subscribe()
        with service.units() as uow:
            keys = {
                role: staff.create_key(uow, service.parts.seal, SYSTEM, name=role, role=role).key
                for role in ("technician", "desk", "manager")
            }
        fill_catalogue(service.parts)
        day = datetime.now(UTC).date() + timedelta(days=14)
        day += timedelta(days=7 - day.weekday())
        shop = Shop(service.parts, service.http, keys, day)
        furnish(shop.call)
        yield service, shop


def test_a_booking_lives_in_its_thread(joined: tuple[Service, Shop]):
    service, shop = joined
    number = service.open_thread()
    made = shop.confirmed(conversation_id=number)
    assert made["conversation_id"] == number
    service.settle()
    # Staff confirmed before the notice of receipt had left, so it was overtaken.
    (told,) = service.told(number)
    assert made["ref"] in told
    assert "10:00\nQuay" in told
    assert service.thread(number)["custom_attributes"]["booking_ref"] == made["ref"]

    reminders = service.table(
        "SELECT due_at, deadline_at FROM outbox "
        "WHERE effect_key LIKE '%reminder%' AND state = 'pending' ORDER BY due_at"
    )
    start = datetime.fromisoformat(shop.at(10)).astimezone(UTC)
    hours = [[round((start - at) / timedelta(hours=1)) for at in row] for row in reminders]
    assert hours == [[24, 2], [2, 0]]

    shop.call(
        "POST", f"/bookings/{made['ref']}/reschedule", "desk", json={"starts_at": shop.at(12)}
    )
    shop.call("POST", f"/bookings/{made['ref']}/cancel", "desk")
    service.settle()
    assert ["cancelled" in text for text in service.told(number)] == [False, True]
    assert service.count("outbox", "effect_key LIKE '%reminder%' AND state = 'pending'") == 0
    assert "booking_ref" not in service.thread(number)["custom_attributes"]


def test_a_check_in_binds_the_repair_to_the_thread(joined: tuple[Service, Shop]):
    service, shop = joined
    number = service.open_thread()
    made = shop.confirmed(conversation_id=number)
    done = shop.call("POST", f"/bookings/{made['ref']}/check-in", "desk").json
    service.settle()
    attributes = service.thread(number)["custom_attributes"]
    assert attributes["repair_refs"] == done["devices"][0]["repair"]
    assert attributes["booking_ref"] == made["ref"]


def test_the_code_for_a_guest_never_goes_into_a_thread(joined: tuple[Service, Shop]):
    service, shop = joined
    number = service.open_thread()
    draft = shop.call("POST", "/bookings", "desk", json={"conversation_id": number}).json
    path = f"/bookings/{draft['token']}"
    shop.call("PATCH", path, json=shop.body())
    assert shop.call("POST", f"{path}/submit").json["status"] == "pending"
    code = shop.code()
    shop.call("POST", f"{path}/confirm", json={"code": code})
    service.settle()
    assert not any(code in text for text in service.told(number) + service.notes(number))
    assert any("confirmed" in text for text in service.told(number))


def test_who_did_not_come_is_offered_another_time(joined: tuple[Service, Shop]):
    service, shop = joined
    number = service.open_thread()
    made = shop.confirmed(conversation_id=number)
    service.settle()
    with service.units() as uow:
        uow.connection.exec_driver_sql("UPDATE bookings SET starts_at = now() - interval '1 hour'")
    shop.call("POST", f"/bookings/{made['ref']}/no-show", "desk")
    service.settle()
    last = service.told(number)[-1]
    assert made["ref"] in last
    assert last.endswith("/book")
    assert service.count("outbox", "effect_key LIKE '%reminder%' AND state = 'pending'") == 0
