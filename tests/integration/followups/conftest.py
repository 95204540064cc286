"""A thread whose repair was handed over, the round with time moved, and the survey page."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import text

from bridge import limits
from crm.core.events import SYSTEM
from crm.core.shop import Shop
from crm.followups.round import DUE, Round
from crm.followups.sending import Sending
from crm.notifications import preferences
from crm.notifications.rules import Wishes
from jobs.inbox import InboxRunner
from jobs.leases import Heartbeat
from jobs.retries import Ladder
from tests.integration.intake.acts import move
from tests.service import Service

URL = "https://example.test/review?shop=1"
ON = {"is_on": True, "days": 1}
OFF = {"is_on": False, "days": 180}


def zone_at(hour: int) -> ZoneInfo:
    """A zone whose clock shows that hour now."""
    behind = (datetime.now(UTC).hour - hour + 12) % 24 - 12
    return ZoneInfo(f"Etc/GMT{behind:+d}" if behind else "Etc/GMT")


@dataclass
class After:
    """What comes after the handing over of one repair. number: of its thread."""

    service: Service
    number: int
    ref: str

    def shop(self, hour: int = 12) -> Shop:
        return replace(self.service.parts.shop, timezone=zone_at(hour))

    def hand_on(self, hour: int = 12) -> int:
        return Round(self.service.units, self.shop(hour)).run()

    def compose(self, hour: int = 12, units: Any = None) -> None:
        """Run what was handed on, at that hour."""
        units = units or self.service.units
        runner = InboxRunner(
            units, {("self", DUE): Sending(self.shop(hour)).send},
            Heartbeat(units, lease_seconds=60, every_seconds=15), Ladder((60,)), lease_seconds=60,
        )  # fmt: skip
        for row_id in self.handed_on():
            runner.run(row_id)

    def handed_on(self, what: str = "id") -> list[Any]:
        return self.service.column(
            f"SELECT {what} FROM inbox WHERE type = '{DUE}' AND state = 'pending' ORDER BY id"
        )

    def round(self, hour: int = 12) -> int:
        """Hand on, compose and send. Returns how many were composed."""
        self.hand_on(hour)
        before = self.service.count("follow_ups", "state = 'scheduled'")
        self.compose(hour)
        composed = self.service.count("follow_ups", "state = 'scheduled'") - before
        self.service.settle()
        return composed

    def write(self, statement: str, **values: Any) -> None:
        with self.service.units() as uow:
            uow.session.execute(text(statement), values)

    def due(self, kind: str = "survey", days: float = 0) -> None:
        """It came due so many days ago."""
        self.write(
            "UPDATE follow_ups SET due_at = :at WHERE kind = :kind AND state = 'pending'",
            at=datetime.now(UTC) - timedelta(days=days, seconds=1), kind=kind,
        )  # fmt: skip

    def ago(self, days: float) -> None:
        """Everything that was sent and said, so many days earlier."""
        for table, column in (("follow_ups", "sent_at"), ("ticket_messages", "created_at")):
            self.write(
                f"UPDATE {table} SET {column} = {column} - make_interval(secs => :seconds)",
                seconds=days * 86400,
            )

    def states(self, columns: str = "kind, state") -> list[tuple]:
        rows = self.service.table(f"SELECT {columns} FROM follow_ups ORDER BY id")
        return [tuple(one) for one in rows]

    def state(self, kind: str = "survey") -> str:
        return self.service.one("SELECT state FROM follow_ups WHERE kind = :kind", kind=kind)

    def asked(self, words: str = "How did we do") -> list[str]:
        return [one for one in self.service.told(self.number) if words in one]

    @property
    def path(self) -> str:
        repair_id = self.service.one("SELECT id FROM repairs WHERE ref = :ref", ref=self.ref)
        return urlsplit(self.service.parts.shop.links.survey(repair_id, datetime.now(UTC))).path

    def answer(self, **form: Any):
        return self.service.http.post(self.path, data=form)

    def surveys(self, columns: str = "rating, comment, via") -> list[tuple]:
        rows = self.service.table(f"SELECT {columns} FROM surveys ORDER BY id")
        return [tuple(one) for one in rows]


@pytest.fixture
def wish(role) -> Callable[..., None]:
    """Change the settings: kinds that are on, with the day after."""

    def make(url: str | None = URL, **kinds: dict) -> None:
        body = {"review_url": url, "survey": ON, "review_request": ON, "maintenance": OFF, **kinds}
        answer = role("manager")("PUT", "/follow-up-settings", json=body)
        assert answer.status_code == 200, answer.text

    return make


@pytest.fixture
def after(mendline, bench, thread) -> After:
    """The repair is ready and not handed over yet."""
    limits.limiter.reset()
    number, ref = thread
    assert move(bench, ref, "ready_pickup", technician="Rosa").status_code == 201
    mendline.settle()
    return After(mendline, number, ref)


@pytest.fixture
def delivered(after, bench, wish) -> After:
    """Handed over to somebody who agreed to marketing: a survey and a review request are planned."""
    with after.service.units() as uow:
        customer_id = after.service.one("SELECT customer_id FROM repairs")
        preferences.change(uow, customer_id, Wishes(marketing=True), SYSTEM)
    wish()
    assert move(bench, after.ref, "delivered").status_code == 201
    after.service.settle()
    return after
