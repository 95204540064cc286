"""The joined service beside a sandbox Chatwoot, and repairs with their links."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

import pytest
import requests

from bridge import limits, live, streams
from crm.core.events import Actor
from crm.repairs import service as repairs
from crm.repairs.models import Repair
from crm.repairs.opening import NewRepair, open_repair
from crm.repairs.service import Address, StatusNews
from crm.repairs.statuses import RepairStatus
from tests.service import Service, running

TILL = Actor("shop", "Till of Sam Harker", "key_1")
HEARTBEAT_SECONDS = 0.2


@pytest.fixture(scope="session")
def _joined(database_url: str) -> Iterator[Service]:
    with running(database_url) as service:
        service.app.config[streams.HEARTBEAT] = HEARTBEAT_SECONDS
        service.subscribe()
        yield service


@pytest.fixture
def mendline(_joined: Service, db: str) -> Service:
    limits.limiter._storage_dead = False
    limits.limiter.reset()
    until(lambda: live.of(_joined.app).count == 0)
    return _joined.emptied()


def until(holds: Callable[[], object], seconds: float = 5.0) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.02)


@dataclass(frozen=True)
class Message:
    """One event of a stream. comments are counted, not kept."""

    id: str
    event: str
    data: dict


class Tracked:
    """One repair and its page."""

    def __init__(self, service: Service, **values):
        self.service = service
        with service.units() as uow:
            new = NewRepair(**{"customer_id": None, "device": "iPhone 13", **values})
            repair = open_repair(uow, new, TILL, by_staff=False)
            self.id, self.ref = repair.id, repair.ref
            self.path = urlsplit(service.parts.shop.links.track(repair.id, repair.received_at)).path
        self.url = f"http://127.0.0.1:{service.server.server_port}{self.path}"

    def move(self, status: str, **values) -> None:
        with self.service.units() as uow:
            news = StatusNews(RepairStatus(status), by_staff=False, **values)
            repairs.change_status(uow, Address(ref=self.ref), news, TILL)

    def note(self, **values) -> None:
        with self.service.units() as uow:
            repairs.note(uow, Address(ref=self.ref), TILL, outcome="note", **values)

    def repair(self) -> Repair:
        with self.service.units() as uow:
            return uow.session.get_one(Repair, self.id)

    def page(self, **params) -> str:
        answer = self.service.http.get(self.path, query_string=params)
        assert answer.status_code == 200, answer.text
        return answer.text

    @contextmanager
    def watched(self, last_id: str | None = None, **params) -> Iterator[Watch]:
        headers = {"Last-Event-ID": last_id} if last_id is not None else {}
        with requests.get(
            f"{self.url}/events", params=params, headers=headers, stream=True, timeout=5
        ) as answer:
            yield Watch(answer)


class Watch:
    """An open stream, read line by line."""

    def __init__(self, answer: requests.Response):
        self.answer = answer
        self.comments = 0
        self.retry: int | None = None
        self._lines = answer.iter_lines(chunk_size=1, decode_unicode=True)

    def message(self) -> Message:
        """The next event; raises when the stream ends or is silent."""
        fields: dict[str, str] = {}
        for line in self._lines:
            name, _, value = line.partition(": ")
            if line.startswith(":"):
                self.comments += 1
            elif name == "retry":
                self.retry = int(value)
            elif line:
                fields[name] = value
            elif "data" in fields:
                return Message(fields["id"], fields["event"], json.loads(fields["data"]))
        raise EOFError("the stream ended")

    def beats(self, count: int) -> None:
        """Wait for so many comments; an event on the way is a fault."""
        for line in self._lines:
            assert not line.startswith("data"), line
            if line.startswith("retry: "):
                self.retry = int(line[7:])
            self.comments += line.startswith(":")
            if self.comments >= count:
                return
        raise EOFError("the stream ended")


@pytest.fixture
def tracked(mendline: Service) -> Tracked:
    return Tracked(mendline)
