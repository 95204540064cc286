"""A shop without Chatwoot whose customers are reached by e-mail and SMS."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from crm.core.events import SYSTEM
from crm.customers import rules
from crm.customers import service as customers
from crm.customers.service import Person
from tests.integration.bookings.conftest import Shop, opened
from tests.post import PostOffice
from tests.service import Service, running


@dataclass
class Channels:
    """shop: the API of it. post: where its e-mail goes."""

    shop: Shop
    post: PostOffice

    def settle(self, rounds: int = 1) -> None:
        """Work until nothing is due, then hasten what waits for another try: so many rounds."""
        rows = self.shop.parts.rows()
        for number in range(rounds):
            if number:
                self.write("UPDATE outbox SET due_at = clock_timestamp() "
                           "WHERE state IN ('pending', 'unsure') AND held_until IS NULL")  # fmt: skip
            before: list[int] = []
            # What is due behind another of its lane that waits stays so.
            while (due := self._due()) and due != before:
                rows.work([], due)
                before = due

    def _due(self) -> list[int]:
        return [row[0] for row in self.shop.rows(
            "SELECT id FROM outbox WHERE state IN ('pending', 'unsure') "
            "AND due_at <= clock_timestamp() ORDER BY id"
        )]  # fmt: skip

    def write(self, statement: str, **values: Any) -> None:
        with self.shop.parts.units() as uow:
            uow.session.execute(text(statement), values)

    def log(self, columns: str = "template, channel, state") -> list[tuple]:
        return [
            tuple(r) for r in self.shop.rows(f"SELECT {columns} FROM notifications ORDER BY id")
        ]

    def effects(self, columns: str = "kind, state, reason") -> list[tuple]:
        return [tuple(row) for row in self.shop.rows(f"SELECT {columns} FROM outbox ORDER BY id")]

    def customer(self, *, proven: bool = True, **fields: str) -> str:
        """The reference of a customer with these addresses."""
        keys = []
        if "email" in fields:
            keys.append(rules.email_key(fields["email"], proven=proven))
        if "phone" in fields:
            keys.append(rules.phone_key(fields["phone"], proven=proven))
        with self.shop.parts.units() as uow:
            person = Person("Ilse Brandt", keys=tuple(keys), **fields)
            return customers.recognise(uow, person, SYSTEM).ref

    def repair(self, customer: str) -> str:
        body = {"customer_ref": customer, "device": "iPhone 13", "problem": "screen"}
        answer = self.shop.call("POST", "/repairs", "desk", json=body)
        assert answer.status_code == 201, answer.text
        return answer.json["ref"]


@pytest.fixture
def environ() -> dict[str, str]:
    """What a test adds to the settings."""
    return {}


@pytest.fixture
def channels(
    db: str, tmp_path: Path, _post: PostOffice, environ: dict[str, str]
) -> Iterator[Channels]:
    _post.empty()
    told = {
        "SMTP_URL": _post.url,
        "MAIL_FROM": "Quay Phones <desk@quay.example>",
        "SETTLE_SECONDS": "0",
        "RETRY_LADDER": "30,60,120",
        "OUTGOING_TIMEOUT_SECONDS": "0.5",
    }
    for shop in opened(db, tmp_path, **told | environ):
        yield Channels(shop, _post)


@pytest.fixture
def mendline(db: str, _post: PostOffice) -> Iterator[Service]:
    """Beside a sandbox Chatwoot, with mail as the second way."""
    _post.empty()
    with running(db, SMTP_URL=_post.url, MAIL_FROM="desk@quay.example") as service:
        service.subscribe()
        yield service
