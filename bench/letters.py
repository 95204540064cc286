"""What the benches of e-mail share: people with proven addresses, a mail server that notes when it
took what, and a shop system whose news make the service write.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import logging
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import quantiles
from typing import Any

import psycopg
import requests
from aiosmtpd.controller import Controller

import app
from bench.figures import Figure
from bench.machinery import Service, free_port
from crm.core.events import SYSTEM
from crm.staff import service as staff
from crm.staff.service import NewKey

DOMAIN = "example.com"
_PEOPLE = """
INSERT INTO customers (id, ref, name, email, created_at, updated_at)
SELECT i, 'CUS-' || i, 'Customer ' || i, 'c' || i || '@example.com', now(), now()
FROM generate_series(%(first)s, %(last)s) i;
INSERT INTO customer_keys (customer_id, kind, value, is_proven, created_at)
SELECT i, 'email', 'c' || i || '@example.com', true, now()
FROM generate_series(%(first)s, %(last)s) i;
INSERT INTO repairs (id, ref, customer_id, device, problem, status, status_at, status_occurred_at,
                     currency, received_at, updated_at, owner_key, external_id)
SELECT i, 'RPR-' || i, i, 'Phone', 'Dark display', %(status)s, now(), now(), 'EUR',
       now() - interval '2 days', now(), %(owner)s, i::text
FROM generate_series(%(first)s, %(last)s) i"""


@dataclass
class PostOffice:
    """took: recipient -> when it took each letter to them (time.time)."""

    url: str
    took: dict[str, list[float]]

    # -- called by aiosmtpd

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        for recipient in envelope.rcpt_tos:
            self.took.setdefault(recipient, []).append(time.time())
        return "250 OK"


@contextmanager
def post_office() -> Iterator[PostOffice]:
    port = free_port()
    office = PostOffice(f"smtp://127.0.0.1:{port}", {})
    logging.getLogger("mail.log").setLevel(logging.WARNING)  # aiosmtpd's, a line per command
    controller = Controller(office, hostname="127.0.0.1", port=port, ready_timeout=10)
    controller.start()
    try:
        yield office
    finally:
        controller.stop()


def people(database_url: str, first: int, last: int, status: str, owner: str) -> None:
    """Customers with proven addresses and a repair each, all of the same number; no conversation.

    owner: the key of the shop system that may report about them.
    """
    values = {"first": first, "last": last, "status": status, "owner": owner}
    with psycopg.connect(database_url, autocommit=True, cursor_factory=psycopg.ClientCursor) as db:
        for statement in _PEOPLE.split(";"):
            db.execute(statement, values)
        db.execute("ANALYZE")


def number_of(recipient: str) -> int:
    return int(recipient.partition("@")[0].removeprefix("c"))


def parts_of(service: Service, state_dir: Path, environ: Mapping[str, str]) -> app.Mendline:
    """The same parts as in the service's processes, for what a bench does beside them."""
    told = {"STATE_DIR": str(state_dir), **environ}
    return app.compose(app.load_settings(told), service.stores.database_url, None)


class Till:
    """A shop system that reports news of repairs."""

    def __init__(self, service: Service, parts: app.Mendline):
        with parts.units() as uow:
            self._key: NewKey = staff.create_key(uow, parts.seal, SYSTEM, name="till", role="shop")
        self.key_id = self._key.id
        self._url = f"http://127.0.0.1:{service.port}/webhooks/shops/{self.key_id}"
        self._session = requests.Session()

    def report(self, number: int, status: str) -> None:
        """Raises AssertionError unless it is accepted."""
        now = time.time()
        body = json.dumps({
            "type": "repair.status_changed",
            "timestamp": datetime.fromtimestamp(now, UTC).isoformat(),
            "data": {"external_id": str(number), "status": status},
        }).encode()  # fmt: skip
        name = f"msg_{uuid.uuid4().hex}"
        secret = base64.b64decode(self._key.webhook_secret.removeprefix("whsec_"))
        digest = hmac.new(secret, f"{name}.{int(now)}.".encode() + body, hashlib.sha256).digest()
        headers = {
            "Content-Type": "application/json",
            "webhook-id": name,
            "webhook-timestamp": str(int(now)),
            "webhook-signature": "v1," + base64.b64encode(digest).decode(),
        }
        answer = self._session.post(self._url, data=body, headers=headers, timeout=30)
        if answer.status_code != 202:
            raise AssertionError(f"{answer.status_code} {answer.text}")


def tell(
    office: PostOffice, till: Till, first: int, count: int, per_second: float, patience: float = 60
) -> list[float]:
    """News of repairs `first`…, paced; each about one customer. Returns the seconds from the moment
    a report was due to the moment the mail server had taken the letter.

    Raises TimeoutError when letters are missing after `patience` seconds.
    """
    begun, due = time.time(), {}
    for number in range(count):
        due[f"c{first + number}@{DOMAIN}"] = at = begun + number / per_second
        time.sleep(max(at - time.time(), 0))
        till.report(first + number, "diagnosing")
    deadline = time.time() + patience
    while missing := due.keys() - office.took.keys():
        if time.time() > deadline:
            raise TimeoutError(f"{len(missing)} of {count} letters did not arrive")
        time.sleep(0.1)
    if doubled := [one for one in due if len(office.took[one]) != 1]:
        raise AssertionError(f"more than one letter to {len(doubled)} customers")
    return [office.took[address][0] - at for address, at in due.items()]


def figures(name: str, waits: list[float], most_p99: float) -> list[Figure]:
    steps = quantiles(waits, n=100, method="inclusive")
    return [
        Figure(f"{name}, median of {len(waits)}", steps[49], "s"),
        Figure(f"{name}, p99", steps[98], "s", at_most=most_p99),
        Figure(f"{name}, longest", max(waits), "s"),
    ]
