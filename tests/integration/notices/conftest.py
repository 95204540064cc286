"""A shop that writes by e-mail, its staff signed in as people, and news to notice."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import text

import app as composition
from bridge import limits, streams
from bridge.settings import load
from crm.core.events import SYSTEM
from crm.customers import service as customers
from crm.customers.rules import email_key
from crm.customers.service import Person
from crm.notices import service as notices
from crm.staff import roles, sessions
from crm.staff import service as staff
from tests.integration.bookings.conftest import ENVIRON
from tests.post import PostOffice

BROWSER = {"Accept": "text/html", "Sec-Fetch-Site": "same-origin"}
HEARTBEAT_SECONDS = 0.2


def composed(database_url: str, state: Path, office: PostOffice) -> Iterator[composition.Mendline]:
    told = {"SMTP_URL": office.url, "MAIL_FROM": "desk@quay.example", "SETTLE_SECONDS": "0",
            "RETRY_LADDER": "30,60", "OUTGOING_TIMEOUT_SECONDS": "0.5",
            "STATE_DIR": str(state)}  # fmt: skip
    parts = composition.compose(load(ENVIRON | told), database_url, None)
    yield parts
    parts.engine.dispose()


class Shop:
    """One composed service for all tests; `emptied` begins a new day."""

    def __init__(self, parts: composition.Mendline, office: PostOffice):
        self.parts, self.post = parts, office
        self.app = composition.edge(parts)
        self.app.config[streams.HEARTBEAT] = HEARTBEAT_SECONDS
        self.http = self.app.test_client()
        self._rows = parts.rows()

    def emptied(self) -> Any:
        """The database was emptied by the caller."""
        limits.limiter._storage_dead = False
        limits.limiter.reset()
        self.post.empty()
        self.keys: dict[str, str] = {}
        return self

    def call(self, method: str, path: str, role: str | None = None, **kwargs: Any) -> Any:
        headers = dict(kwargs.pop("headers", {}))
        if role:
            headers["Authorization"] = f"Bearer {self.key(role)}"
        return self.http.open(f"/api/v1{path}", method=method, headers=headers, **kwargs)

    def key(self, role: str) -> str:
        if role not in self.keys:
            with self.parts.units() as uow:
                made = staff.create_key(uow, self.parts.seal, SYSTEM, name=role, role=role)
            self.keys[role] = made.key
        return self.keys[role]

    def rows(self, query: str, **values: Any) -> list[Any]:
        with self.parts.units() as uow:
            return list(uow.session.execute(text(query), values))

    def settle(self) -> None:
        """Work until nothing is due."""
        while True:
            due = [[row[0] for row in self.rows(
                f"SELECT id FROM {table} WHERE state IN ('pending', 'unsure') "
                "AND due_at <= clock_timestamp() ORDER BY id")] for table in ("inbox", "outbox")]  # fmt: skip
            if not any(due):
                return
            self._rows.work(*due)


class Desk(Shop):
    def post_one(self, key: str, role: str = "desk", **values: Any) -> int:
        about = {"ref": f"TKT-{key}", "source": "api"}
        with self.parts.units() as uow:
            posted = notices.post(uow, key, "ticket.opened", role, about, **values)
        assert posted is not None
        return posted

    def seen_by(self, role: str, **query: Any) -> list[dict[str, Any]]:
        answer = self.call("GET", "/notices", role, query_string=query)
        assert answer.status_code == 200, answer.text
        return answer.json["data"]

    def unread(self, role: str) -> int:
        return self.call("GET", "/notices/count", role).json["unread"]

    def customer(self, email: str = "ilse@example.org") -> str:
        with self.parts.units() as uow:
            person = Person("Ilse Brandt", keys=(email_key(email, proven=True),), email=email)
            return customers.recognise(uow, person, SYSTEM).ref

    def person(self, role: str) -> tuple[int, str]:
        """The id of a new person, and the path of their sign-in link."""
        with self.parts.units() as uow:
            email = f"{role}@shop.example"
            person = staff.create_staff(uow, SYSTEM, email=email, name=role, role=role)
            return person.id, f"/admin/sign-in/{sessions.create_link(uow, SYSTEM, person)}"

    def signed_in(self, role: str = roles.DESK) -> FlaskClient:
        browser = self.app.test_client()
        assert browser.post(self.person(role)[1], headers=BROWSER).status_code == 303
        return browser


@pytest.fixture(scope="session")
def _desk(database_url: str, _post: PostOffice, tmp_path_factory) -> Iterator[Desk]:
    for parts in composed(database_url, tmp_path_factory.mktemp("desk"), _post):
        yield Desk(parts, _post)


@pytest.fixture
def desk(_desk: Desk, db: str) -> Desk:
    return _desk.emptied()
