"""Which news becomes a notice, who sees it, and what of it was read."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from crm import duties
from crm.core.events import SYSTEM, Actor
from crm.core.inbox import DeliveryDied
from crm.core.outbox import EffectDied
from crm.followups.events import RatedLow
from crm.notices import service
from crm.notices.models import Notice
from crm.payments.events import DepositToReturn
from crm.privacy import erasing
from tests import builders
from tests.integration.bookings.conftest import Shop, fill_catalogue, furnish
from tests.integration.notices.conftest import Desk


@pytest.fixture
def calendar(desk: Desk) -> Shop:
    """The same shop with a location and a bench."""
    fill_catalogue(desk.parts)
    furnish(desk.call)
    day = datetime.now(UTC).date() + timedelta(days=14)
    day += timedelta(days=max(0, day.weekday() - 4) and 7 - day.weekday())
    return Shop(desk.parts, desk.http, {"desk": desk.key("desk")}, day)


def kinds(rows: list[dict]) -> list[str]:
    return [row["kind"] for row in rows]


def test_a_guests_booking_is_news_for_the_desk_and_not_for_the_bench(desk: Desk, calendar: Shop):
    ref = calendar.book(None)["ref"]
    (told,) = desk.seen_by("desk")
    assert (told["kind"], told["is_read"]) == ("booking.received", False)
    assert told["text"].startswith(f"New booking {ref}: ") and "10:00" in told["text"]
    # It has no page for people.
    assert told["url"] is None
    assert desk.seen_by("technician") == []
    assert kinds(desk.seen_by("admin")) == ["booking.received"]


def test_what_staff_did_themselves_is_not_told_to_them(desk: Desk, calendar: Shop):
    made = calendar.confirmed()
    calendar.call("POST", f"/bookings/{made['ref']}/cancel", "desk", json={})
    assert desk.seen_by("desk") == []
    guests = calendar.book(None, 12)
    calendar.call("POST", f"/bookings/{guests['token']}/cancel", json={})
    assert kinds(desk.seen_by("desk")) == ["booking.cancelled", "booking.received"]


def test_one_event_is_one_notice(desk: Desk):
    first = desk.post_one("k")
    with desk.parts.units() as uow:
        assert service.post(uow, "k", "ticket.opened", "desk", {}) is None
    assert [row["id"] for row in desk.seen_by("desk")] == [first]


@pytest.mark.parametrize(
    ("role", "seen"),
    [("viewer", {"all"}), ("technician", {"all", "bench"}),
     ("desk", {"all", "bench", "front"}), ("manager", {"all", "bench", "front", "leads"}),
     ("admin", {"all", "bench", "front", "leads"})],
)  # fmt: skip
def test_a_role_sees_its_own_and_what_is_below(desk: Desk, role, seen):
    for key, least in (("all", "viewer"), ("bench", "technician"), ("front", "desk"),
                       ("leads", "manager")):  # fmt: skip
        desk.post_one(key, least)
    assert {row["text"].removeprefix("New ticket TKT-") for row in desk.seen_by(role)} == seen


def test_machines_of_shop_systems_see_none(desk: Desk):
    assert desk.call("GET", "/notices", "shop").status_code == 403


def test_a_notice_for_one_person_is_theirs_alone(desk: Desk):
    browser = desk.signed_in("technician")
    mine = desk.post_one("mine", "viewer", staff_id=desk.rows("SELECT id FROM staff")[0][0])
    assert [row["id"] for row in browser.get("/api/v1/notices").json["data"]] == [mine]
    assert desk.seen_by("admin") == [] and desk.unread("admin") == 0
    assert desk.call("POST", f"/notices/{mine}/read", "admin").status_code == 404


def test_everybody_reads_for_themselves_and_can_take_it_back(desk: Desk):
    first, second = desk.post_one("1"), desk.post_one("2")
    assert desk.call("POST", f"/notices/{first}/read", "desk").json == {"unread": 1}
    assert desk.call("POST", f"/notices/{first}/read", "desk").json == {"unread": 1}
    assert [row["id"] for row in desk.seen_by("desk", unread="true")] == [second]
    assert [row["id"] for row in desk.seen_by("desk", unread="false")] == [first]
    assert desk.unread("manager") == 2
    assert desk.call("POST", "/notices/read-all", "desk").json == {"unread": 0}
    assert desk.call("POST", f"/notices/{second}/unread", "desk").json == {"unread": 1}
    assert desk.unread("manager") == 2


@pytest.mark.parametrize("number", [0, 7, 2**63 - 1])
def test_what_is_not_there_cannot_be_read(desk: Desk, number):
    assert desk.call("POST", f"/notices/{number}/read", "desk").status_code == 404


@pytest.mark.parametrize(
    "query", ["unread=maybe", "cursor=x", "limit=0", "show=all", "unread=%F0%9F%94%A7", "limit=1e9",
              "cursor=" + "9" * 1001],
)  # fmt: skip
def test_odd_questions_are_refused(desk: Desk, query):
    assert desk.call("GET", f"/notices?{query}", "desk").status_code == 422


def test_pages_go_on_without_repeats(desk: Desk):
    posted = [desk.post_one(str(number)) for number in range(5)]
    found, cursor = [], {}
    while True:
        answer = desk.call("GET", "/notices", "desk", query_string={"limit": 2, **cursor}).json
        found += [row["id"] for row in answer["data"]]
        if answer["meta"]["next_cursor"] is None:
            break
        cursor = {"cursor": answer["meta"]["next_cursor"]}
        desk.post_one(f"between {len(found)}")
    assert found == posted[::-1]


def test_words_follow_the_language(desk: Desk):
    desk.post_one("7")
    answer = desk.call("GET", "/notices", "desk", headers={"Accept-Language": "pt"})
    assert answer.json["data"][0]["text"] == "Novo pedido TKT-7"


def test_money_and_device_stand_in_it(desk: Desk):
    with desk.parts.units() as uow:
        repair = builders.repair(uow, device="<b>Pixel</b> {{ 7 }}")
        uow.record(DepositToReturn(repair.id, SYSTEM, 4500, "GBP"))
    (told,) = desk.seen_by("desk")
    assert told["text"] == f"£45.00 is to be returned: {repair.ref} ended early"
    assert told["device"] == "<b>Pixel</b> {{ 7 }}"
    assert told["url"] == f"/admin/repairs/{repair.ref}"


def test_a_message_that_no_channel_took_is_news(desk: Desk):
    desk.post.at_rcpt = "550 5.1.1 nobody here"
    body = {"customer_ref": desk.customer(), "device": "iPhone 13", "problem": "screen"}
    assert desk.call("POST", "/repairs", "desk", json=body).status_code == 201
    desk.settle()
    failed = [row for row in desk.seen_by("desk") if row["kind"] == "message.failed"]
    assert len(failed) == 1
    assert failed[0]["customer"] == "Ilse Brandt"
    assert failed[0]["url"].startswith("/admin/repairs/")
    ref, _, part = failed[0]["url"].rpartition("/")[2].partition("#")
    assert part == "messages"
    assert failed[0]["text"].endswith(f"“We have your device: repair {ref}”")
    told = desk.call("GET", "/notices", "desk", headers={"Accept-Language": "pt"}).json["data"]
    assert next(row for row in told if row["kind"] == "message.failed")["text"].endswith(
        f"“Recebemos o seu aparelho: reparação {ref}”"
    )
    # Its effect died with it: that is the same news.
    assert desk.rows("SELECT state FROM outbox WHERE kind = 'mail.message'") == [("dead",)]
    assert "effect.died" not in kinds(desk.seen_by("admin"))


def test_a_message_about_a_booking_names_the_booking(desk: Desk, calendar: Shop):
    desk.post.at_rcpt = "550 5.1.1 nobody here"
    ref = calendar.confirmed()["ref"]
    desk.settle()
    texts = [row["text"] for row in desk.seen_by("desk") if row["kind"] == "message.failed"]
    assert texts and all(ref in one for one in texts)
    log = desk.call("GET", "/notifications", "desk").json["data"]
    assert log and {one["booking"] for one in log} == {ref}


def test_a_message_that_is_not_written_any_more_is_told_by_its_name(desk: Desk):
    for template in ("gone_since", "../../x", "<script>{{ 7 }}"):
        with desk.parts.units() as uow:
            service.post(uow, template, "message.failed", "desk", {"template": template})
        assert desk.seen_by("desk")[0]["text"].endswith(f"“{template}”")


def test_a_low_rating_names_who_gave_it(desk: Desk):
    with desk.parts.units() as uow:
        customer = builders.customer(uow, name="Ilse Brandt")
        repair = builders.repair(uow, customer.id)
        ticket = builders.ticket(uow, customer.id)
        uow.record(RatedLow(repair.id, SYSTEM, 1, ticket.id))
    (told,) = [row for row in desk.seen_by("desk") if row["kind"] == "survey.rated_low"]
    assert told["customer"] == "Ilse Brandt" and "1 of 5" in told["text"]


def test_what_could_not_be_done_is_said_in_words(desk: Desk):
    """Of every service that is composed here there are words, not only names."""
    effects = {kind for one in desk.parts.integrations for kind in one.deliverers}
    sources = {source for one in desk.parts.integrations for source, _ in one.handlers}
    with desk.parts.units() as uow:
        for number, kind in enumerate(sorted(effects)):
            uow.record(EffectDied(number, SYSTEM, kind))
        for number, source in enumerate(sorted(sources | {"self"})):
            uow.record(DeliveryDied(number, SYSTEM, f"{source} thing.happened"))
    told = {row["text"].partition(": ")[2] for row in desk.seen_by("manager")}
    assert told and not told & {*effects, *sources} and not any("." in one for one in told)


def test_a_storm_of_dead_rows_is_one_notice_a_day(desk: Desk):
    with desk.parts.units() as uow:
        for number in range(5):
            uow.record(EffectDied(number, SYSTEM, "chatwoot.contact"))
        uow.record(EffectDied(9, SYSTEM, "webhooks.post"))
    texts = [row["text"] for row in desk.seen_by("manager")]
    assert texts == [
        "Something could not be done: an event for a shop system",
        "Something could not be done: a change in Chatwoot",
    ]
    assert desk.seen_by("desk") == []


def test_old_ones_are_forgotten(desk: Desk):
    old, new = desk.post_one("old"), desk.post_one("new")
    desk.call("POST", "/notices/read-all", "desk")
    with desk.parts.units() as uow:
        uow.session.get_one(Notice, old).at = uow.now - service.KEPT - timedelta(minutes=1)
    duties.forget(desk.parts.units)
    assert [row["id"] for row in desk.seen_by("desk")] == [new]
    assert desk.rows("SELECT count(*) FROM notice_reads")[0][0] == 1


def test_notices_about_an_erased_person_go_with_them(desk: Desk):
    ref = desk.customer()
    number = desk.rows("SELECT id FROM customers")[0][0]
    desk.post_one("hers", customer_id=number)
    kept = desk.post_one("other")
    desk.call("POST", "/notices/read-all", "desk")
    with desk.parts.units() as uow:
        erasing.erase(uow, ref, Actor("staff", "command line"))
    assert [row["id"] for row in desk.seen_by("desk")] == [kept]
