"""The joined service, with an open shop and callers of several roles."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, event

from crm.core.events import SYSTEM
from crm.core.uow import UnitOfWork
from crm.promises.watch import Watch
from crm.repairs import service as repairs
from crm.repairs.models import Repair
from crm.repairs.opening import NewRepair, open_repair
from crm.repairs.service import Address, StatusNews
from crm.repairs.statuses import RepairStatus
from crm.staff import service as staff
from tests.service import Service

ALWAYS = [{"weekday": day, "opens_at": "00:00", "closes_at": "00:00"} for day in range(7)]


@dataclass
class Bench:
    """service: beside a sandbox Chatwoot. The shop is open day and night unless it is shut."""

    service: Service
    keys: dict[str, str] = field(default_factory=dict)

    def call(self, method: str, path: str, role: str = "desk", **kwargs: Any) -> Any:
        if role not in self.keys:
            with self.service.units() as uow:
                seal = self.service.parts.seal
                self.keys[role] = staff.create_key(uow, seal, SYSTEM, name=role, role=role).key
        headers = {"Authorization": f"Bearer {self.keys[role]}", **kwargs.pop("headers", {})}
        return self.service.http.open(f"/api/v1{path}", method=method, headers=headers, **kwargs)

    def open_shop(self, hours: list[dict] = ALWAYS) -> None:
        place = {"slug": "quay", "name": "Quay", "hours": hours, "ways": {"shop": 0}}
        place["timezone"] = "UTC"
        answer = self.call("POST", "/locations", "manager", json=place)
        assert answer.status_code == 201, answer.text

    def take_in(self, **fields: Any) -> str:
        """The reference of a repair."""
        answer = self.call("POST", "/repairs", json={"device": "iPhone 13", **fields})
        assert answer.status_code == 201, answer.text
        return answer.json["ref"]

    def in_thread(self, **fields: Any) -> tuple[str, int]:
        """A repair of somebody who wrote to us, and the number of the conversation."""
        number = self.service.open_thread()
        ref = self.take_in(conversation_id=number, **fields)
        self.service.settle()
        return ref, number

    def finished(self, days: int, device: str = "iPhone 13", **more: Any) -> None:
        """A repair taken in and completed so many days later, all of it in the past."""
        end = datetime.now(UTC) - timedelta(days=1)
        start = end - timedelta(days=days)
        with self.service.units() as uow:
            new = NewRepair(None, device=device, occurred_at=start, **more)
            repair = open_repair(uow, new, SYSTEM, by_staff=False)
            news = StatusNews(RepairStatus.COMPLETED, by_staff=False, occurred_at=end)
            repairs.change_status(uow, Address(ref=repair.ref), news, SYSTEM)

    def promise(self, ref: str) -> dict[str, Any]:
        answer = self.call("GET", f"/repairs/{ref}/promise")
        assert answer.status_code == 200, answer.text
        return answer.json

    def watch(self, **how: Any) -> int:
        """One round, and what it owes is delivered."""
        acted = Watch(self.service.units, self.service.parts.shop.timezone, **how).run()
        self.service.settle()
        return acted

    def repair(self, uow: UnitOfWork, ref: str) -> Repair:
        return repairs.find(uow, Address(ref=ref))

    def began(self, ref: str, days: int) -> None:
        """As if it had reached its status so many days ago."""
        with self.service.units() as uow:
            self.repair(uow, ref).status_occurred_at = uow.now - timedelta(days=days)

    def promised(self, ref: str, day: date) -> None:
        with self.service.units() as uow:
            self.repair(uow, ref).estimated_on = day


def today() -> date:
    return datetime.now(UTC).date()


@contextmanager
def statements() -> Iterator[list[str]]:
    """What the database is asked meanwhile."""
    asked: list[str] = []

    def keep(_connection: Any, _cursor: Any, statement: str, *_more: Any) -> None:
        asked.append(statement)

    event.listen(Engine, "before_cursor_execute", keep)
    try:
        yield asked
    finally:
        event.remove(Engine, "before_cursor_execute", keep)


@pytest.fixture
def bench(mendline: Service) -> Bench:
    made = Bench(mendline)
    made.open_shop()
    return made
