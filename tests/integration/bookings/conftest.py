"""A shop that takes bookings: a location, a bench, a technician and a small catalogue."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from importlib import resources
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import yaml
from flask.testing import FlaskClient
from sqlalchemy import text

import app as composition
from bridge import limits
from bridge.settings import load
from crm.catalog.models import Category, DeviceModel, RepairType, RuleSet
from crm.core.events import SYSTEM
from crm.core.hours import moment
from crm.staff import service as staff
from tests.integration.bookings.guest import Guest

LONDON = ZoneInfo("Europe/London")
ENVIRON = {
    "SECRET_KEY": "k3y-for-tests-that-is-long-enough-0123456789",
    "SHOP_NAME": "Quay Phones",
    "HOLD_SECONDS": "0",
}
WEEK = [{"weekday": day, "opens_at": "09:00", "closes_at": "18:00"} for day in range(6)]
GUEST = {"name": "Ilse Brandt", "email": "ilse@example.org"}


@dataclass
class Shop:
    """parts: the composed service. day: an open day two weeks from now."""

    parts: composition.Mendline
    http: FlaskClient
    keys: dict[str, str]
    day: date

    def call(self, method: str, path: str, role: str | None = None, **kwargs: Any) -> Any:
        """role: None is a guest."""
        headers = dict(kwargs.pop("headers", {}))
        if role:
            headers["Authorization"] = f"Bearer {self.keys[role]}"
        return self.http.open(f"/api/v1{path}", method=method, headers=headers, **kwargs)

    def at(self, hour: int, minute: int = 0, *, days: int = 0) -> str:
        """A moment on the clock of the location."""
        return moment(self.day + timedelta(days=days), time(hour, minute), LONDON).isoformat()

    def body(self, hour: int = 10, **fields: Any) -> dict[str, Any]:
        wish = {
            "devices": [{"model": "iphone-13", "repair_types": ["screen"]}],
            "starts_at": self.at(hour),
        }
        return {**GUEST, **wish, **fields}

    def book(self, role: str | None = "desk", hour: int = 10, **fields: Any) -> dict[str, Any]:
        answer = self.call("POST", "/bookings", role, json=self.body(hour, **fields))
        assert answer.status_code == 201, answer.text
        return answer.json

    def confirmed(self, hour: int = 10, **fields: Any) -> dict[str, Any]:
        made = self.book("desk", hour, **fields)
        answer = self.call("POST", f"/bookings/{made['ref']}/confirm", "desk")
        assert answer.status_code == 200, answer.json
        return answer.json

    def slots(self, **query: Any) -> list[str]:
        wish = {"date": self.day.isoformat(), "model": "iphone-13", "repair_type": "screen"}
        answer = self.call("GET", "/slots", query_string=wish | query)
        assert answer.status_code == 200, answer.json
        return [slot["local"][11:16] for slot in answer.json["data"]]

    def rows(self, query: str, **values: Any) -> list[Any]:
        with self.parts.units() as uow:
            return list(uow.session.execute(text(query), values))

    def code(self) -> str:
        """The newest code, as a channel would open it."""
        (sealed,) = self.rows(
            "SELECT sealed_body FROM notifications WHERE template = 'verification_code' "
            "ORDER BY id DESC LIMIT 1"
        )[0]
        return self.parts.seal.open(bytes(sealed))["text"][:6]


def fill_catalogue(parts: composition.Mendline) -> None:
    with parts.units() as uow:
        for number, slug in enumerate(("iphone", "macbook")):
            uow.session.add(
                Category(slug=slug, name=slug, family="apple", icon="phone", year_from=2016,
                         year_to=2025, is_general=False, position=number, common_issues=[])
            )  # fmt: skip
        uow.session.flush()
        model = DeviceModel(
            slug="iphone-13", category="iphone", brand="Apple", name="iPhone 13", year=2021,
            model_numbers=["A2633"], difficulty="medium", common_issues=[], prices={},
        )  # fmt: skip
        model.index()
        uow.session.add(model)
        for category, slug, minutes in (
            ("iphone", "screen", 60), ("macbook", "screen", 120), ("macbook", "liquid", 720),
        ):  # fmt: skip
            uow.session.add(
                RepairType(category=category, slug=slug, name=slug, price_minor=19999,
                           currency="GBP", minutes=minutes, difficulty="easy", parts=[])
            )  # fmt: skip


@pytest.fixture
def shop(db: str, tmp_path: Path) -> Iterator[Shop]:
    yield from opened(db, tmp_path)


def opened(db: str, state_dir: Path, **environ: str) -> Iterator[Shop]:
    settings = load({**ENVIRON, "STATE_DIR": str(state_dir), **environ})
    parts = composition.compose(settings, db, None)
    app = composition.edge(parts)
    limits.limiter._storage_dead = False
    limits.limiter.reset()
    roles = ("viewer", "technician", "desk", "manager", "admin", "shop")
    with parts.units() as uow:
        keys = {
            role: staff.create_key(uow, parts.seal, SYSTEM, name=role, role=role).key
            for role in roles
        }
    fill_catalogue(parts)
    day = datetime.now(UTC).date() + timedelta(days=14)
    while day.weekday() > 3:
        day += timedelta(days=1)
    made = Shop(parts, app.test_client(), keys, day)
    furnish(made.call)
    yield made
    parts.engine.dispose()


def furnish(call: Callable[..., Any]) -> None:
    ways = {"shop": 0, "post": 900}
    extra = [{"slug": "express", "name": "Express", "price_minor": 2500, "minutes": 0}]
    place = {"slug": "quay", "name": "Quay", "hours": WEEK, "ways": ways, "services": extra}
    assert call("POST", "/locations", "manager", json=place).status_code == 201
    assert call("POST", "/locations/quay/benches", "manager", json={"name": "1"}).status_code == 201
    shifts = [
        {"location": "quay", "weekday": day, "starts_at": "09:00", "ends_at": "18:00"}
        for day in range(6)
    ]
    person = {"name": "Noor", "skills": ["any"], "shifts": shifts}
    answer = call("POST", "/technicians", "manager", json=person)
    assert answer.status_code == 201, answer.text


RULES = yaml.safe_load(
    resources.files("crm.catalog.data").joinpath("estimate_rules.yaml").read_text()
)


@pytest.fixture
def mailing(db: str, tmp_path: Path) -> Iterator[Shop]:
    """A shop that can send mail, so that codes make bookings firm."""
    told = {"SMTP_URL": "smtp://127.0.0.1:9", "MAIL_FROM": "shop@example.org"}
    for shop in opened(db, tmp_path, **told):
        with shop.parts.units() as uow:
            uow.session.add(RuleSet(rules=RULES, created_at=uow.now))
        yield shop


@pytest.fixture
def guest(mailing: Shop) -> Guest:
    return Guest(mailing.http)
