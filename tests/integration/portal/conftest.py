"""A shop that writes by e-mail, and customers who come to their portal."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from bridge import limits
from crm.core.events import SYSTEM
from crm.customers import service as customers
from crm.customers.rules import email_key
from crm.customers.service import Person
from crm.repairs import service as repairs
from crm.repairs.opening import NewRepair, open_repair
from crm.repairs.service import Address, StatusNews
from crm.repairs.statuses import RepairStatus
from tests import builders
from tests.integration.notices.conftest import BROWSER, composed
from tests.integration.notices.conftest import Shop as Base
from tests.post import PostOffice

ILSE, NOOR = "ilse@example.org", "noor@example.org"


class Portal(Base):
    """post: where the shop's e-mail goes."""

    def customer(self, email: str = ILSE, *, proven: bool = True, name: str = "Ilse Brandt") -> int:
        key = email_key(email, proven=proven)
        with self.parts.units() as uow:
            person = Person(name, keys=(key,), email=email)
            return customers.recognise(uow, person, SYSTEM).id

    def repair(self, customer_id: int, device: str = "Pixel 8", **fields) -> str:
        with self.parts.units() as uow:
            new = NewRepair(customer_id, device=device, **fields)
            return open_repair(uow, new, builders.STAFF, by_staff=False).ref

    def move(self, ref: str, status: str) -> None:
        news = StatusNews(RepairStatus(status), by_staff=False)
        with self.parts.units() as uow:
            repairs.change_status(uow, Address(ref=ref), news, SYSTEM)

    def browser(self) -> FlaskClient:
        return self.app.test_client()

    def ask(self, email: str, browser: FlaskClient | None = None) -> TestResponse:
        limits.limiter.reset()
        one = browser or self.browser()
        return one.post("/me", data={"email": email}, headers=BROWSER)

    def links(self) -> list[str]:
        """The paths of all sign-in links that were mailed, oldest first."""
        self.settle()
        found = []
        for number in range(len(self.post.mails)):
            found += re.findall(r"https?://\S+(/me/sign-in/[\w-]+)", self.post.text(number))
        return found

    def link(self, email: str = ILSE) -> str:
        assert self.ask(email).status_code == 303
        return self.links()[-1]

    def signed_in(self, email: str = ILSE) -> FlaskClient:
        browser = self.browser()
        answer = browser.post(self.link(email), headers=BROWSER)
        assert (answer.status_code, urlsplit(answer.location).path) == (303, "/me")
        return browser


@pytest.fixture(scope="session")
def _portal(database_url: str, _post: PostOffice, tmp_path_factory) -> Iterator[Portal]:
    state: Path = tmp_path_factory.mktemp("portal")
    for parts in composed(database_url, state, _post):
        yield Portal(parts, _post)


@pytest.fixture
def portal(_portal: Portal, db: str) -> Portal:
    return _portal.emptied()


def page(browser: FlaskClient, **query: str) -> str:
    answer = browser.get("/me", headers=BROWSER, query_string=query)
    assert answer.status_code == 200, answer.text
    return answer.text


def token(text: str) -> str:
    return re.search(r'name="csrf_token" value="(\w+)"', text)[1]
