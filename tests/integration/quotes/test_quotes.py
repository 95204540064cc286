"""Quotes by the API: versions, one open at a time, decisions that happen once."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from sqlalchemy import text

from crm.catalog import service as catalog
from crm.core.errors import Conflict
from crm.core.events import SYSTEM, Actor
from crm.privacy import erasing
from crm.quotes import queries, reminding, service
from crm.quotes.service import Choice, Who
from tests.integration.quotes.conftest import GLASS, LABOUR, SCREEN, Desk

HOSTILE = ("a" * 10_000, "a\x00b")
SAID = {"words": "Said yes on the phone"}


def test_a_draft_is_worked_out_here_and_seen_by_nobody(desk: Desk):
    made = desk.quote(deposit_minor=4_000, title="New screen")
    (option,) = made["options"]
    assert (option["total_minor"], option["lowest_minor"]) == (16_500, 15_000)
    assert option["tax_minor"] == 2_750
    assert (made["state"], made["version"], made["url"]) == ("draft", 1, None)
    assert len(made["digest"]) == 64


def test_sent_approved_and_approved_again(desk: Desk):
    sent = desk.sent(deposit_minor=4_000)
    assert sent["state"] == "sent" and sent["url"].startswith("http")
    for _ in range(2):
        done = desk.call("POST", f"/quotes/{sent['ref']}/approve", json={"version": 1, **SAID})
        assert done.status_code == 200, done.text
    assert done.json["state"] == "approved"
    decision = done.json["decision"]
    assert (decision["total_minor"], decision["via"], decision["words"]) == (
        16_500, "staff", SAID["words"],
    )  # fmt: skip
    assert decision["digest"] == sent["digest"]
    assert desk.events("quote.approved") == 1
    other = desk.call("POST", f"/quotes/{sent['ref']}/approve",
                      json={"version": 1, "optional": [], **SAID})  # fmt: skip
    assert (other.status_code, other.json["code"]) == (409, "quote-decided")


def test_parts_of_it_may_be_left_out(desk: Desk):
    sent = desk.sent()
    body = {"version": 1, "optional": [], **SAID}
    done = desk.call("POST", f"/quotes/{sent['ref']}/approve", json=body)
    assert done.json["decision"]["total_minor"] == 15_000
    with desk.shop.parts.units() as uow:
        quote = queries.by_ref(uow, sent["ref"])
        approved = queries.approved(uow, quote.repair_id)
    assert [line.label for line in approved.lines] == ["Screen", "Fitting"]


@pytest.mark.parametrize(
    ("body", "code"),
    [({"version": 2}, "quote-changed"), ({"version": 1, "option": 1}, "invalid"),
     ({"version": 1, "optional": [0]}, "invalid"), ({"version": 1, "option": 9}, "invalid"),
     ({"version": 1, "total_minor": 1}, "invalid"), ({"version": 0}, "invalid")],
)  # fmt: skip
def test_what_is_not_offered_cannot_be_approved(desk: Desk, body, code):
    sent = desk.sent()
    answer = desk.call("POST", f"/quotes/{sent['ref']}/approve", json=body | SAID)
    assert answer.status_code in (409, 422) and answer.json["code"] == code, answer.text
    assert desk.show(sent["ref"])["state"] == "sent"


def test_a_changed_quote_is_a_new_version_and_a_draft(desk: Desk):
    sent = desk.sent()
    body = desk.body(options=[{"lines": [SCREEN]}])
    changed = desk.call("PUT", f"/quotes/{sent['ref']}", json=body).json
    assert (changed["state"], changed["version"]) == ("draft", 2)
    assert changed["digest"] != sent["digest"]
    early = desk.call("POST", f"/quotes/{sent['ref']}/approve", json={"version": 2, **SAID})
    assert early.json["code"] == "quote-not-sent"
    desk.call("POST", f"/quotes/{sent['ref']}/send")
    late = desk.call("POST", f"/quotes/{sent['ref']}/approve", json={"version": 1, **SAID})
    assert late.json["code"] == "quote-changed"
    same = desk.call("PUT", f"/quotes/{sent['ref']}", json=body).json
    assert (same["state"], same["version"]) == ("sent", 2)


def test_a_second_open_quote_replaces_the_first(desk: Desk):
    first, second = desk.sent(), desk.sent(title="Better")
    assert desk.show(first["ref"])["state"] == "replaced"
    late = desk.call("POST", f"/quotes/{first['ref']}/approve", json={"version": 1, **SAID})
    assert late.json["code"] == "quote-decided"
    assert desk.show(second["ref"])["state"] == "sent"


def test_declined_and_withdrawn(desk: Desk):
    first = desk.sent()
    body = {"version": 1, "reason": "too dear"}
    for _ in range(2):
        done = desk.call("POST", f"/quotes/{first['ref']}/decline", json=body)
        assert done.json["decision"]["reason"] == "too dear", done.text
    assert desk.events("quote.declined") == 1
    second = desk.sent()
    assert desk.call("POST", f"/quotes/{second['ref']}/withdraw").json["state"] == "withdrawn"
    again = desk.call("POST", f"/quotes/{second['ref']}/send")
    assert again.json["code"] == "quote-decided"


def test_an_expired_quote_says_so(desk: Desk):
    sent = desk.sent()
    with desk.shop.parts.units() as uow:
        uow.session.execute(text("UPDATE quotes SET expires_at = now() - interval '1 minute'"))
    late = desk.call("POST", f"/quotes/{sent['ref']}/approve", json={"version": 1, **SAID})
    assert late.json["code"] == "quote-expired"


def test_twenty_at_once_and_one_wins(desk: Desk):
    options = [{"name": "A", "lines": [SCREEN]}, {"name": "B", "lines": [LABOUR, GLASS]}]
    sent = desk.sent(options=options)
    with desk.shop.parts.units() as uow:
        quote_id = queries.by_ref(uow, sent["ref"]).id
    outcomes: list[str] = []

    def approve(number: int) -> None:
        choice = Choice(1, sent["digest"], number % 2)
        try:
            with desk.shop.parts.units() as uow:
                service.approve(uow, quote_id, choice, Who(Actor("customer", "x"), "page"))
            outcomes.append(f"ok {number % 2}")
        except Conflict as error:
            outcomes.append(error.code)

    threads = [threading.Thread(target=approve, args=(n,)) for n in range(20)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    winners = {one for one in outcomes if one.startswith("ok")}
    assert len(winners) == 1 and len(outcomes) == 20
    assert set(outcomes) - winners == {"quote-decided"}
    assert desk.events("quote.approved") == 1


def test_reminders_come_once_and_missed_ones_are_not_made_up_for(desk: Desk):
    sent = desk.sent()

    def numbers(hours: int) -> list[int]:
        with desk.shop.parts.units() as uow:
            uow.now += timedelta(hours=hours)
            for quote_id in queries.due_for_nudge(uow):
                service.nudge(uow, quote_id)
        rows = desk.shop.rows("SELECT data FROM events WHERE kind = 'quote.nudge_due' ORDER BY id")
        return [row[0]["number"] for row in rows]

    assert numbers(23) == []
    assert numbers(25) == numbers(30) == [1]
    assert numbers(80) == numbers(100) == [1, 2]
    numbers(15 * 24)
    assert desk.show(sent["ref"])["state"] == "expired"
    assert SYSTEM.kind in {r[0] for r in desk.shop.rows(
        "SELECT actor_kind FROM events WHERE kind = 'quote.withdrawn'")}  # fmt: skip


def test_an_estimate_becomes_a_quote(desk: Desk):
    with desk.shop.parts.units() as uow:
        catalog.seed(uow)
    wish = {"model": "apple-iphone-13", "repair_types": ["screen", "battery"], "is_urgent": True}
    estimate = desk.shop.call("POST", "/estimates", json=wish).json
    made = desk.quote(options=[{"name": "As estimated", "estimate": estimate["ref"]}])
    assert made["options"][0]["total_minor"] == estimate["total_minor"]


def test_bad_input_moves_nothing(desk: Desk, subtests):
    line = dict(SCREEN)
    wrong = [
        {"options": []},
        {"options": [{"lines": [SCREEN]}] * 4},
        {"options": [{}]},
        {"options": [{"lines": [SCREEN], "estimate": "EST-X"}]},
        {"options": [{"estimate": "EST-NOTHERE"}]},
        {"options": [{"lines": []}]},
        {"options": [{"lines": [SCREEN] * 51}]},
        {"options": [{"lines": [line | {"unit_minor": 0}]}]},
        {"options": [{"lines": [line | {"unit_minor": -5}]}]},
        {"options": [{"lines": [line | {"unit_minor": 10**13}]}]},
        {"options": [{"lines": [line | {"unit_minor": 1.5}]}]},
        {"options": [{"lines": [line | {"unit_minor": "1e3"}]}]},
        {"options": [{"lines": [line | {"quantity": 0}]}]},
        {"options": [{"lines": [line | {"quantity": 100}]}]},
        {"options": [{"lines": [line | {"tax": "none"}]}]},
        {"options": [{"lines": [line, line | {"kind": "discount", "unit_minor": -12_001}]}]},
        {"options": [{"lines": [SCREEN], "total_minor": 1}]},
        {"deposit_minor": 15_001},
        {"deposit_minor": -1},
        {"overrun_percent": 101},
        *({"options": [{"lines": [line | {"label": words}]}]} for words in HOSTILE),
        *({"note": words} for words in HOSTILE),
    ]
    for fields in wrong:
        with subtests.test(str(fields)[:70]):
            body = desk.body(**fields)
            answer = desk.call("POST", f"/repairs/{desk.repair}/quotes", json=body)
            assert answer.status_code in (404, 422), answer.text
            assert answer.json["errors"] or answer.status_code == 404
    assert desk.shop.rows("SELECT count(*) FROM quotes")[0][0] == 0


def test_strange_words_are_kept_as_they_are(desk: Desk):
    for words in ("<script>alert(1)</script>", "{{ 7*7 }}{% x %}", "\u202egnp.exe", "💥 é"):
        made = desk.quote(options=[{"lines": [SCREEN | {"label": words}]}], title=words)
        assert made["title"] == words and made["options"][0]["lines"][0]["label"] == words


@pytest.mark.parametrize(
    ("role", "write", "send"), [("viewer", 403, 403), ("technician", 201, 403), ("shop", 403, 403)]
)
def test_who_may(desk: Desk, role: str, write: int, send: int):
    answer = desk.call("POST", f"/repairs/{desk.repair}/quotes", role, json=desk.body())
    assert answer.status_code == write
    ref = desk.quote()["ref"]
    assert desk.call("POST", f"/quotes/{ref}/send", role).status_code == send


def test_the_round_reminds_by_day_only(desk: Desk):
    sent = desk.sent()
    with desk.shop.parts.units() as uow:
        quote_id = queries.by_ref(uow, sent["ref"]).id
        uow.now += timedelta(hours=25)
        service.nudge(uow, quote_id, is_quiet=True)
    assert desk.events("quote.nudge_due") == 0
    with desk.shop.parts.units() as uow:
        uow.now += timedelta(hours=33)
        service.nudge(uow, quote_id)
    assert desk.events("quote.nudge_due") == 1
    with desk.shop.parts.units() as uow:
        uow.session.execute(text("UPDATE quotes SET expires_at = now() - interval '1 minute'"))
    for found in (1, 0):
        assert reminding.Round(desk.shop.parts.units, desk.shop.parts.shop.timezone).run() == found
    assert desk.show(sent["ref"])["state"] == "expired"


def test_an_erased_customer_leaves_the_price_and_no_words(desk: Desk):
    sent = desk.sent()
    with desk.shop.parts.units() as uow:
        quote = queries.by_ref(uow, sent["ref"])
        who = Who(Actor("customer", "Ilse Brandt"), "thread", "Yes, Ilse", "192.0.2.7", "Phone")
        service.approve(uow, quote.id, Choice(1, sent["digest"], 0), who)
        uow.session.execute(text("UPDATE repairs SET status = 'delivered'"))
    with desk.shop.parts.units() as uow:
        ref = uow.session.scalar(text("SELECT ref FROM customers"))
        erasing.erase(uow, ref, SYSTEM)
    (row,) = desk.shop.rows(
        "SELECT total_minor, words, reason, ip_address, user_agent, by_name FROM quote_decisions"
    )
    assert tuple(row) == (16_500, "", "", None, None, "")
