"""The page of wishes: by its link alone, changed by its form or by one click, never by opening it."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from sqlalchemy import text

from bridge import limits
from crm.core.clock import now
from crm.customers import service as customers
from crm.notifications import preferences
from crm.notifications.rules import Wishes
from tests.integration.channels.conftest import Channels

ADDRESS = "ilse@example.org"
FORM = {
    "frequency": "all", "from": "", "to": "", "language": "en",
    "way_chatwoot": "also", "way_mail": "also",
}  # fmt: skip
ENGLISH = {"Accept-Language": "en-GB"}
ONE_CLICK = {"List-Unsubscribe": "One-Click"}
HOSTILE = (
    "<script>alert(1)</script>",
    "{{ 7 * 7 }}",
    "\u202egnp.exe",
    "😀" * 10_000,
    "a\x00b",
    "12+01",
)


@pytest.fixture
def customer(channels: Channels) -> str:
    limits.limiter.reset()
    return channels.customer(email=ADDRESS)


@pytest.fixture
def path(channels: Channels, customer: str) -> str:
    return _path(channels, customer)


def _path(channels: Channels, customer: str, days_ago: int = 0) -> str:
    with channels.shop.parts.units() as uow:
        number = customers.by_ref(uow, customer).id
    links = channels.shop.parts.shop.links
    return urlsplit(links.preferences(number, now() - timedelta(days=days_ago))).path


def _wishes(channels: Channels, customer: str) -> Wishes:
    with channels.shop.parts.units() as uow:
        return preferences.wishes_of(uow, customers.by_ref(uow, customer).id)


def _rows(channels: Channels) -> int:
    return channels.shop.rows("SELECT count(*) FROM communication_preferences")[0][0]


def _post(channels: Channels, path: str, **form: Any) -> Any:
    told = {name: value for name, value in (FORM | form).items() if value is not None}
    return channels.shop.http.post(path, data=told)


def test_opening_it_changes_nothing_and_names_nobody(channels: Channels, path: str):
    for address in (path, f"{path}?List-Unsubscribe=One-Click", f"{path}?frequency=none"):
        page = channels.shop.http.get(address)
        assert page.status_code == 200 and "What we send you" in page.text
    assert channels.shop.http.head(path).status_code == 200
    assert page.headers["Cache-Control"] == "no-store" and page.headers["X-Robots-Tag"] == "noindex"
    assert "Ilse" not in page.text and ADDRESS not in page.text and _rows(channels) == 0


def test_what_is_chosen_is_kept_and_shown(channels: Channels, customer: str, path: str):
    answer = _post(channels, f"{path}?lang=en", frequency="milestones", way_mail="first", language="pt",
                   marketing="no", **{"from": "09:00", "to": "12:30"})  # fmt: skip
    assert answer.status_code == 303 and answer.location.endswith("?saved=1")
    # What was chosen is told in the language that was chosen, whatever the browser asks for.
    page = channels.shop.http.get(answer.location, headers=ENGLISH)
    assert page.headers["Content-Language"] == "pt" and "Guardado." in page.text
    page = channels.shop.http.get(f"{answer.location}&lang=en").text
    assert "Saved." in page and "between 09:00 and 12:30" in page and "first by: E-mail" in page
    kept = _wishes(channels, customer)
    assert (kept.channels, kept.frequency, kept.marketing) == (("mail",), "milestones", False)
    assert channels.shop.rows("SELECT locale FROM customers")[0][0] == "pt"
    acts = channels.shop.rows(
        "SELECT actor_kind FROM audit WHERE action = 'communication_preferences.change'"
    )
    assert [row[0] for row in acts] == ["customer"]
    _post(channels, path, frequency="milestones", way_mail="first", language="pt",
          marketing="no", **{"from": "09:00", "to": "12:30"})  # fmt: skip
    assert len(channels.shop.rows("SELECT 1 FROM audit WHERE actor_kind = 'customer'")) == 1


def test_several_ways_may_come_first_in_the_order_they_got_there(
    channels: Channels, customer: str, path: str
):
    _post(channels, path, way_mail="first")
    _post(channels, path, way_mail="first", way_chatwoot="first")
    assert _wishes(channels, customer).channels == ("mail", "chatwoot")
    page = channels.shop.http.get(path).text
    assert "first by: E-mail, The chat" in page
    assert page.count('value="first" checked') == 2


def test_twice_the_same_time_says_what_to_do(channels: Channels, path: str):
    answer = _post(channels, path, **{"from": "08:00", "to": "08:00"})
    assert answer.status_code == 422 and "Give two different times" in answer.text


def test_ways_that_are_out_are_told_and_all_of_them_mean_nothing(channels: Channels, path: str):
    ways = re.findall(r'name="(way_\w+)" value="never"', channels.shop.http.get(path).text)
    assert len(ways) > 1
    page = channels.shop.http.get(_post(channels, path, way_mail="never").location).text
    assert "At present: Everything" in page and "never by: E-mail" in page
    page = channels.shop.http.get(
        _post(channels, path, **dict.fromkeys(ways, "never")).location
    ).text
    assert "At present: nothing comes, except codes" in page and "Every way is" in page
    assert "At present: Everything" not in page
    page = channels.shop.http.get(_post(channels, path, frequency="none").location).text
    assert "At present: nothing comes, except codes" in page and "Every way is" not in page


def test_the_next_message_follows(channels: Channels, customer: str, path: str):
    assert _post(channels, path, way_mail="never").status_code == 303
    channels.repair(customer)
    assert channels.log("state, reason") == [("no_channel", "mail: the customer does not want it")]


def test_one_click_ends_marketing_without_cookie_or_page(
    channels: Channels, customer: str, path: str
):
    stranger = channels.shop.http.application.test_client()
    for kind in ("application/x-www-form-urlencoded", "multipart/form-data"):
        answer = stranger.post(path, data=ONE_CLICK, content_type=kind,
                               headers={"Sec-Fetch-Site": "cross-site"})  # fmt: skip
        assert answer.status_code == 200 and answer.content_type.startswith("text/plain")
        assert "Location" not in answer.headers
    assert _wishes(channels, customer) == Wishes(marketing=False)
    by = channels.shop.rows("SELECT marketing_by FROM communication_preferences")
    assert [row[0] for row in by] == ["customer: One-click unsubscribe"]


def test_the_link_in_the_foot_unsubscribes_by_one_tap_and_not_by_looking(
    channels: Channels, customer: str, path: str
):
    page = f"{path}/unsubscribe"
    for _ in range(2):
        shown = channels.shop.http.get(page)
        assert shown.status_code == 200 and "<button>Unsubscribe</button>" in shown.text
        assert "Ilse" not in shown.text and shown.headers["Cache-Control"] == "no-store"
    assert channels.shop.http.head(page).status_code == 200 and _rows(channels) == 0
    foreign = channels.shop.http.post(page, headers={"Sec-Fetch-Site": "cross-site"})
    assert foreign.status_code == 403 and _rows(channels) == 0
    for _ in range(2):
        done = channels.shop.http.post(page)
        assert done.status_code == 303
    shown = channels.shop.http.get(done.location)
    assert "You are unsubscribed" in shown.text and "<button>" not in shown.text
    assert _wishes(channels, customer) == Wishes(marketing=False)
    by = channels.shop.rows("SELECT marketing_by FROM communication_preferences")
    assert [row[0] for row in by] == ["customer: Preferences page"]
    assert channels.shop.http.get(f"{path}x/unsubscribe").status_code == 404
    assert channels.shop.http.post(f"{path}x/unsubscribe").status_code == 404


def test_a_form_from_elsewhere_is_refused(channels: Channels, path: str):
    answer = channels.shop.http.post(path, data=FORM, headers={"Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 403 and _rows(channels) == 0


def test_what_is_none_of_the_choices_is_refused(channels: Channels, path: str):
    cases = [{"frequency": "often"}, {"way_mail": "pigeon"}, {"way_mail": None}, {"language": "xx"},
             {"marketing": "maybe"}, {"from": "09:00"}, {"to": "25:00"},
             {"from": "9:00", "to": "10:00"}, {"from": "08:00", "to": "08:00"}]  # fmt: skip
    for field in ("frequency", "way_mail", "language", "marketing", "from"):
        cases += [{field: one} for one in HOSTILE]
    for form in cases:
        limits.limiter.reset()
        answer = _post(channels, path, **form)
        assert answer.status_code == 422 and 'role="alert"' in answer.text, form
        assert "<script>alert" not in answer.text
    assert channels.shop.http.post(path, data={}).status_code == 422 and _rows(channels) == 0


@pytest.mark.parametrize(("form", "words"), [
    ({"from": "08:00", "to": "08:00"}, "Give two different times, or leave both empty"),
    ({"from": "08:00"}, "Give both times, or neither"),
    ({"frequency": "often"}, "That is none of the choices."),
])  # fmt: skip
def test_it_says_what_does_not_fit(channels: Channels, path: str, form, words: str):
    assert words in _post(channels, path, **form).text


def test_a_link_that_is_forged_too_old_or_of_another_kind_opens_nothing(
    channels: Channels, customer: str, path: str
):
    links = channels.shop.parts.shop.links
    track = urlsplit(links.track(1, now())).path.removeprefix("/track/")
    for token in (path[:-1], f"{path}x", f"/preferences/{track}", _path(channels, customer, 401),
                  "/preferences/%F0%9F%98%80"):  # fmt: skip
        for answer in (channels.shop.http.get(token), channels.shop.http.post(token, data=ONE_CLICK),
                       channels.shop.http.post(token, data=FORM)):  # fmt: skip
            assert answer.status_code == 404
    assert _rows(channels) == 0


def test_the_link_of_one_who_was_merged_leads_to_who_stayed(
    channels: Channels, customer: str, path: str
):
    kept = channels.customer(email="other@example.org")
    merged = channels.shop.call(
        "POST", f"/customers/{kept}/merge", "desk", json={"merge": customer}
    )
    assert merged.status_code == 201
    assert _post(channels, path, frequency="essential").status_code == 303
    assert _wishes(channels, kept).frequency == "essential"


def test_thirty_changes_an_hour_and_no_more(channels: Channels, path: str):
    for _ in range(30):
        assert _post(channels, path, frequency="often").status_code == 422
    answer = _post(channels, path)
    assert answer.status_code == 429 and "wait a little" in answer.text


def test_the_tracking_page_leads_there(channels: Channels, customer: str, path: str):
    ref = channels.repair(customer)
    link = channels.shop.call("GET", f"/repairs/{ref}", "desk").json["tracking_url"]
    page = channels.shop.http.get(urlsplit(link).path).text
    assert "/preferences/" in page and "What we send you" in page
    with channels.shop.parts.units() as uow:
        uow.session.execute(text("UPDATE repairs SET customer_id = NULL"))
    assert "/preferences/" not in channels.shop.http.get(urlsplit(link).path).text
