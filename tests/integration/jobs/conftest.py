"""The running-work floor on a real database, with handlers and deliverers that follow a script."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, text

from crm.core import inbox, outbox
from crm.core.inbox import Delivery
from crm.core.outbox import Effect
from crm.core.uow import UnitOfWork, Units
from jobs.inbox import InboxRunner
from jobs.leases import Heartbeat
from jobs.relay import Relay
from jobs.retries import Ladder

LEASE, SETTLE = 60.0, 60.0
RUNGS = (5.0, 30.0, 120.0)


@dataclass
class Deliverer:
    """Answers with the next of `answers` (an error is raised, a function called), else succeeds."""

    postponed: datetime | None = None
    answers: list[Any] = field(default_factory=list)
    found: list[Any] = field(default_factory=list)
    calls: list[tuple[str, str]] = field(default_factory=list)
    told: list[tuple[str, str]] = field(default_factory=list)

    def postponed_until(self, uow: UnitOfWork, effect: Effect) -> datetime | None:
        return self.postponed

    def before_first_try(self, uow: UnitOfWork, effect: Effect) -> dict[str, Any]:
        return {"after_id": 7}

    def deliver(self, effect: Effect) -> dict[str, Any]:
        self.calls.append(("deliver", effect.effect_key))
        return _play(self.answers, effect) or {"sent": effect.effect_key}

    def look_up(self, effect: Effect) -> dict[str, Any] | None:
        self.calls.append(("look_up", effect.effect_key))
        return _play(self.found, effect)

    def on_done(self, uow: UnitOfWork, effect: Effect, result: dict[str, Any]) -> None:
        self.told.append(("done", effect.effect_key))

    def on_dead(self, uow: UnitOfWork, effect: Effect, reason: str) -> None:
        self.told.append(("dead", effect.effect_key))

    def on_cancelled(self, uow: UnitOfWork, effect: Effect, reason: str) -> None:
        self.told.append(("cancelled", effect.effect_key))


def _play(script: list[Any], effect: Effect) -> Any:
    act = script.pop(0) if script else None
    if isinstance(act, BaseException):
        raise act
    return act(effect) if callable(act) else act


@dataclass
class Floor:
    """Both runners and short ways to fill and read their tables."""

    engine: Engine
    units: Units
    handlers: dict[tuple[str, str], Any]
    deliverer: Deliverer
    inbox: InboxRunner
    relay: Relay

    def receive(self, subject: str = "thing:1", kind: str = "noted", key: str = "") -> int:
        with self.units() as uow:
            number = uow.session.execute(text("SELECT count(*) FROM inbox")).scalar_one()
            delivery = Delivery("test", "s", kind, subject, key or f"key-{number}", b"{}")
            return inbox.store(uow, delivery).id

    def owe(self, key: str, lane: str = "lane", is_bulk: bool = False, **options: Any) -> int:
        with self.units() as uow:
            uow.is_bulk = is_bulk
            return outbox.send(uow, "shop.note", key, {"words": key}, lane=lane, **options)

    def owe_sync(self, key: str) -> int:
        with self.units() as uow:
            return outbox.sync(uow, "shop.mirror", key, {"id": key})

    def row(self, table: str, row_id: int) -> Any:
        wait = "extract(epoch FROM due_at - clock_timestamp()) AS wait"
        query = text(f"SELECT *, {wait} FROM {table} WHERE id = :id")
        with self.engine.connect() as connection:
            return connection.execute(query, {"id": row_id}).one()

    def change(self, table: str, row_id: int, assignments: str) -> None:
        with self.engine.begin() as connection:
            connection.execute(text(f"UPDATE {table} SET {assignments} WHERE id = :id"),
                               {"id": row_id})  # fmt: skip

    def make_due(self, table: str, row_id: int) -> None:
        self.change(table, row_id, "due_at = clock_timestamp() - interval '1 second'")

    def let_lease_run_out(self, table: str, row_id: int) -> None:
        self.change(table, row_id, "lease_until = clock_timestamp() - interval '1 second'")

    def destination(self) -> Any:
        query = text("SELECT *, extract(epoch FROM closed_until - clock_timestamp()) AS closed_for"
                     " FROM destinations WHERE name = 'shop'")  # fmt: skip
        with self.engine.connect() as connection:
            return connection.execute(query).first()


@pytest.fixture
def make_floor(engine: Engine, rung: list) -> Callable[..., Floor]:
    def make(*, lease: float = LEASE, beat: float = 15.0, rungs: tuple = RUNGS) -> Floor:
        units = Units(
            engine, ring=lambda inbox_ids, outbox_ids: rung.append((inbox_ids, outbox_ids))
        )
        heartbeat = Heartbeat(units, lease_seconds=lease, every_seconds=beat)
        handlers: dict[tuple[str, str], Any] = {("test", "noted"): lambda uow, row: None}
        deliverer, ladder = Deliverer(), Ladder(rungs)
        return Floor(
            engine,
            units,
            handlers,
            deliverer,
            InboxRunner(units, handlers, heartbeat, ladder, lease_seconds=lease),
            Relay(
                units,
                {"shop.note": deliverer, "shop.mirror": deliverer},
                heartbeat,
                ladder,
                lease_seconds=lease,
                settle_seconds=SETTLE,
            ),
        )

    return make


@pytest.fixture
def floor(make_floor: Callable[..., Floor]) -> Floor:
    return make_floor()


HOUR = timedelta(hours=1)
