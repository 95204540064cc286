"""The live count of notices: who hears what, resuming, and the end."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import requests

from bridge import live
from bridge.api import notices as view
from tests.browser.conftest import served
from tests.integration.notices.conftest import BROWSER, Desk
from tests.integration.tracking.conftest import Watch, until


@pytest.fixture
def site(desk: Desk) -> Iterator[str]:
    with served(desk.app) as url:
        yield url
        until(lambda: live.of(desk.app).count == 0)


@pytest.fixture
def listen(desk: Desk, site: str):
    @contextmanager
    def opened(role: str, last_id: str | None = None, **headers: str) -> Iterator[Watch]:
        headers |= {"Authorization": f"Bearer {desk.key(role)}"}
        if last_id is not None:
            headers["Last-Event-ID"] = last_id
        url = f"{site}/api/v1/notices/stream"
        with requests.get(url, headers=headers, stream=True, timeout=5) as answer:
            yield Watch(answer)

    return opened


def test_the_count_comes_first_and_then_every_change(desk: Desk, listen):
    first = desk.post_one("1")
    with listen("desk") as watch:
        assert watch.answer.headers["Content-Type"].startswith("text/event-stream")
        now = watch.message()
        assert (now.event, now.data["unread"]) == ("notices", 1)
        second = desk.post_one("2")
        more = watch.message()
        assert more.data["unread"] == 2 and more.id != now.id
        assert more.data["newest"]["id"] == second
        assert more.data["newest"]["kind"] == "ticket.opened"
        desk.call("POST", f"/notices/{first}/read", "desk")
        assert watch.message().data["unread"] == 1


def test_who_comes_back_hears_only_what_is_new(desk: Desk, listen):
    desk.post_one("1")
    with listen("desk") as watch:
        seen = watch.message().id
    with listen("desk", seen) as watch:
        watch.beats(2)
    desk.post_one("2")
    with listen("desk", seen) as watch:
        assert watch.message().data["unread"] == 2


def test_nobody_hears_of_what_is_not_for_them(desk: Desk, listen):
    with listen("technician") as watch:
        seen = watch.message().id
    with listen("technician", seen) as watch:
        watch.beats(1)
        desk.post_one("1", "manager")
        desk.call("POST", "/notices/read-all", "manager")
        watch.beats(4)


def test_it_ends_so_that_it_is_asked_anew_who_listens(desk: Desk, listen, monkeypatch):
    monkeypatch.setattr(view, "LONGEST_STREAM_SECONDS", 0.3)
    with listen("desk") as watch:
        watch.message()
        with pytest.raises(EOFError):
            watch.message()


def test_a_person_listens_with_their_session_and_a_stranger_does_not(desk: Desk, site):
    url = f"{site}/api/v1/notices/stream"
    assert requests.get(url, timeout=5).status_code == 401
    browser = requests.Session()
    number, link = desk.person("desk")
    browser.post(site + link, headers=BROWSER, timeout=5)
    with browser.get(url, stream=True, timeout=5) as answer:
        watch = Watch(answer)
        assert watch.message().data == {"unread": 0, "newest": None}
        desk.post_one("mine", "admin", staff_id=number)
        assert watch.message().data["unread"] == 1
    key = {"Authorization": f"Bearer {desk.key('shop')}"}
    assert requests.get(url, headers=key, timeout=5).status_code == 403
