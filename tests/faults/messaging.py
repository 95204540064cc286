"""The service as real processes beside a stand-in Twilio and a mail server, without a Chatwoot.

Customers are told of their repairs by SMS, WhatsApp or e-mail; `wrong` counts, in the log and over
there, what was lost, doubled or left without a reason.
"""

from __future__ import annotations

import os
import re
import signal
import uuid
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import requests
from sqlalchemy import select, text

import app
import migrations
from bridge.settings import load
from crm.core.events import SYSTEM
from crm.core.outbox import OutboxRow
from crm.customers import rules
from crm.customers import service as customers
from crm.customers.service import Person
from crm.notifications.models import Notification
from crm.staff import service as staff
from jobs.stores import Stores
from tests.faults import counting
from tests.faults.harness import Service, eventually
from tests.post import PostOffice
from tests.standins.twilio.running import StandIn

SENDER = "Quay Phones <desk@quay.example>"
QUICK = {
    "LEASE_SECONDS": "1",
    "HEARTBEAT_SECONDS": "0.25",
    "SWEEP_SECONDS": "0.2",
    "SETTLE_SECONDS": "0.4",
    "OUTGOING_TIMEOUT_SECONDS": "1",
    "RETRY_LADDER": ",".join(["0.2", "0.4"] + ["0.6"] * 12),
}
SMS, WHATSAPP, MAIL = "sms", "whatsapp", "mail"
THERE = ("sent", "delivered", "read")


@dataclass(frozen=True)
class Customer:
    """to: their number or address."""

    channel: str
    to: str
    ref: str


class Shop(Service):
    """twilio, post: the other side."""

    def __init__(self, stores: Stores, home: Path, twilio: StandIn, post: PostOffice):
        super().__init__(stores, home)
        self.twilio, self.post = twilio, post
        self.env |= {**twilio.environ, "SMTP_URL": post.url, "MAIL_FROM": SENDER, **QUICK}
        twilio.faults.kill = post.kill = self.kill_worker
        self._number = 0

    def open(self) -> None:
        migrations.upgrade(self.stores.database_url)
        self.parts = app.compose(load(self.env), self.stores.database_url, None)
        with self.parts.units() as uow:
            self.desk = staff.create_key(uow, self.parts.seal, SYSTEM, name="desk", role="desk").key
        self.heal()
        self.wait_ready()
        self.twilio.subscribe(self.url, alone=True)

    def close(self) -> None:
        self.session.close()  # the web process would wait for us
        super().close()

    def kill_worker(self) -> None:
        os.kill(self.processes["worker"].pid, signal.SIGKILL)

    # -- the shop's day

    def customer(self, channel: str, *, email: str = "") -> Customer:
        """One who is reached by this channel. email: theirs too, so that mail comes first."""
        self._number += 1
        phone = "" if channel == MAIL else f"+4477009{self._number:05d}"
        email = email or (f"c{self._number}@example.org" if channel == MAIL else "")
        keys = [rules.phone_key(phone, proven=True)] if phone else []
        keys += [rules.email_key(email, proven=True)] if email else []
        known = {name: told for name, told in (("phone", phone), ("email", email)) if told}
        with self.parts.units() as uow:
            person = Person("Ilse Brandt", keys=tuple(keys), **known)
            ref = customers.recognise(uow, person, SYSTEM).ref
        if channel == WHATSAPP:
            sid = f"SM{uuid.uuid4().hex}"
            assert self.twilio.courier.writes("Hello", sid, f"whatsapp:{phone}") == 204
            self.rest()
        return Customer(channel, phone or email, ref)

    def tell(self, customer: Customer) -> None:
        """One message to this customer: that a device of theirs is here."""
        body = {"customer_ref": customer.ref, "device": "iPhone 13", "problem": "screen"}
        self.call("/repairs", body)

    def call(self, path: str, body: dict[str, Any]) -> None:
        """One thing done at the desk, repeated under its key when the line breaks."""
        headers = {"Authorization": f"Bearer {self.desk}", "Idempotency-Key": uuid.uuid4().hex}

        def ask() -> requests.Response | None:
            try:
                return self.session.post(f"{self.url}/api/v1{path}", json=body, headers=headers,
                                         timeout=10)  # fmt: skip
            except requests.ConnectionError:
                return None

        answer = eventually(ask, f"{path} answers")
        assert answer.status_code == 201, answer.text

    # -- looking

    def is_quiet(self) -> bool:
        """Whether nothing is owed, and Twilio has told all it has to tell."""
        if self.twilio.courier.is_busy:
            return False
        with self.parts.engine.connect() as connection:
            return not connection.execute(counting.OPEN).scalar_one()

    def rest(self, seconds: float = 30.0) -> None:
        try:
            # Twice: something may have arrived between the two looks.
            eventually(lambda: self.is_quiet() and self.is_quiet(), "nothing is owed", seconds)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{counting.unfinished(self)}") from None

    def end_breaks(self) -> None:
        """As if every breaker's half minute were over."""
        with self.parts.engine.begin() as connection:
            connection.execute(text("UPDATE destinations SET closed_until = NULL, recent = ''"))

    def log(self, customer: Customer) -> list[Notification]:
        with self.parts.units() as uow:
            query = select(Notification).where(Notification.address == customer.to)
            return list(uow.session.scalars(query.order_by(Notification.id)))

    def copies(self, customer: Customer) -> int:
        """How many messages reached them."""
        if customer.channel == MAIL:
            return len(self.post.to(customer.to))
        return len(self.twilio.books.to(customer.to, _kind(customer)))

    def wrong(self) -> list[str]:
        """What is wrong, one sentence each."""
        texts = self._texts()
        mails = Counter(mail["Message-ID"] for mail in self.post.mails)
        found = [f"{key}: {len(sids)} texts" for key, sids in texts.items() if len(sids) > 1]
        with self.parts.units() as uow:
            rows = {row.effect_key: row for row in uow.session.scalars(select(OutboxRow))}
            for told in uow.session.scalars(select(Notification)):
                row, name = rows.get(told.effect_key), f"{told.effect_key} ({told.channel})"
                turns = [key for key in texts if re.fullmatch(f"{told.event_key}(:[0-9])?", key)]
                sids = {key: texts.pop(key) for key in turns}.get(told.effect_key, [])
                copies = mails.pop(told.external_id or "", 0) if told.channel == MAIL else 0
                if told.state not in THERE and not (told.state == "failed" and told.reason):
                    found.append(f"{name} is {told.state}: {told.reason}")
                if told.channel == MAIL and told.state in THERE and not copies:
                    found.append(f"{name} is {told.state}, and nobody has it")
                doubts = row.lost_leases + max(row.attempts - 1, 0) if row is not None else 0
                if copies > 1 + doubts:
                    found.append(f"{name}: {copies} copies after {doubts} doubts")
                if told.channel in (SMS, WHATSAPP):
                    if bool(sids) != (told.state in THERE):
                        found.append(
                            f"{name} is {told.state} with {len(sids)} texts: {told.reason}"
                        )
                    if sids and told.external_id not in sids:
                        found.append(f"{name}: we know it as {told.external_id}")
        found += [f"{key}: nobody knows of it" for key in (*texts, *mails)]
        return found

    def _texts(self) -> dict[str, list[str]]:
        """Effect key -> the sids of the messages taken under it."""
        texts: dict[str, list[str]] = {}
        for sid, callback in self.twilio.books.callbacks.items():
            (key,) = parse_qs(urlsplit(callback).query)["key"]
            texts.setdefault(key, []).append(sid)
        return texts


def _kind(customer: Customer) -> str:
    return "whatsapp:" if customer.channel == WHATSAPP else ""
