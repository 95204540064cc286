"""One slot, many customers: all ask for it at the same moment, and exactly one may have it.

Guests post to the running service, each from an address of its own; the slots are booked one after
the other. What a loser is told (the next free slots) is part of the time.
"""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from bench.figures import Figure
from bench.machinery import Service, state_directory, whole_service
from crm.catalog import service as catalog
from crm.core.db import make_engine
from crm.core.events import SYSTEM
from crm.core.hours import DayHours
from crm.core.uow import Units
from crm.locations import service as locations
from crm.staff import technicians
from crm.staff.technicians import WeeklyShift

LONGEST_SECONDS = 2.0
DEVICE = {"category": "iphone-13", "repair_types": []}


@dataclass(frozen=True)
class Race:
    """statuses: how many answers of each kind. longest: seconds."""

    statuses: Counter[int]
    longest: float


def run(*, rounds: int = 20, customers: int = 100) -> list[Figure]:
    with state_directory() as state, whole_service(state, TRUSTED_PROXIES="1") as service:
        _furnish(service)
        slots = _free_slots(service, rounds + 1)
        races = [_race(service, number, slot, customers) for number, slot in enumerate(slots)]
        for race in races:
            if race.statuses != {201: 1, 409: customers - 1}:
                raise AssertionError(f"not one winner: {dict(race.statuses)}")
    # The first race only warms up: processes that have just started connect and compile.
    longest = max(race.longest for race in races[1:])
    return [
        Figure(
            f"slots: races of {customers} with exactly one winner",
            len(races) - 1,
            "",
            at_least=rounds,
        ),
        Figure("slots: longest wait of all", longest, "s", at_most=LONGEST_SECONDS),
    ]


def _furnish(service: Service) -> None:
    """A location with one bench and one technician, open every day."""
    engine = make_engine(service.stores.database_url)
    week = [DayHours(day, datetime.min.time().replace(hour=8), datetime.min.time().replace(hour=20))
            for day in range(7)]  # fmt: skip
    with Units(engine)() as uow:
        catalog.seed(uow)
        place = locations.create(
            uow, SYSTEM, {"slug": "race", "name": "Race", "timezone": "Europe/London"}
        )
        locations.set_hours(uow, SYSTEM, "race", week)
        locations.add_bench(uow, SYSTEM, "race", "1")
        person = technicians.create(uow, SYSTEM, {"name": "Noor", "skills": ["any"]})
        shifts = [WeeklyShift(place.id, hours) for hours in week]
        technicians.set_shifts(uow, SYSTEM, person.id, shifts)
    engine.dispose()


def _free_slots(service: Service, count: int) -> list[str]:
    """Different starts of the coming days, each free."""
    found: list[str] = []
    day = datetime.now(UTC).date()
    while len(found) < count:
        day += timedelta(days=1)
        connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=30)
        connection.request("GET", f"/api/v1/slots?location=race&date={day}")
        found += [slot["starts_at"] for slot in json.load(connection.getresponse())["data"]]
        connection.close()
    return found[:count]


def _race(service: Service, number: int, slot: str, customers: int) -> Race:
    gate = threading.Barrier(customers)
    answers: list[tuple[int, float]] = []

    def customer(one: int) -> None:
        body = json.dumps(
            {
                "location": "race",
                "devices": [DEVICE],
                "starts_at": slot,
                "name": f"Customer {one}",
                "email": f"customer-{number}-{one}@example.org",
            }
        )
        headers = {
            "Content-Type": "application/json",
            "X-Forwarded-For": f"10.{number}.{one // 250}.{one % 250 + 1}",
        }
        connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=60)
        connection.connect()
        gate.wait()
        begun = time.perf_counter()
        connection.request("POST", "/api/v1/bookings", body, headers)
        status = connection.getresponse().status
        answers.append((status, time.perf_counter() - begun))
        connection.close()

    threads = [threading.Thread(target=customer, args=(one,)) for one in range(customers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return Race(Counter(status for status, _ in answers), max(seconds for _, seconds in answers))
