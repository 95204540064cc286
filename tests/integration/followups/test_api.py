"""Follow-ups and reviews by API: who may, what is refused, and what they lead to."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from tests.integration.followups.conftest import OFF, ON, URL


def soon(**more: float) -> str:
    return (datetime.now(UTC) + timedelta(**(more or {"days": 2}))).isoformat()


def test_words_of_staff_are_sent_when_due(after, desk):
    body = {"repair": after.ref, "words": "The case you wanted is here. 😀", "due_at": soon()}
    key = {"Idempotency-Key": "once"}
    made = desk("POST", "/follow-ups", json=body, headers=key)
    assert made.status_code == 201 and made.json["state"] == "pending"
    assert desk("POST", "/follow-ups", json=body, headers=key).json == made.json
    after.due("custom")
    assert after.round() == 1
    (told,) = after.asked("The case you wanted")
    assert told.endswith(after.ref)
    after.round()
    (shown,) = desk("GET", f"/follow-ups?repair={after.ref}&state=sent").json["data"]
    assert shown["sent_at"] and shown["kind"] == "custom"
    late = desk("PATCH", f"/follow-ups/{shown['id']}", json={"state": "cancelled"})
    assert (late.status_code, late.json["code"]) == (409, "follow-up-over")


def now_at(after, hour: int, monkeypatch) -> None:
    """The shop's clock shows that hour."""
    context = after.service.app.extensions["mendline"]
    told = replace(context, shop=after.shop(hour))
    monkeypatch.setitem(after.service.app.extensions, "mendline", told)


def test_without_a_time_words_of_staff_do_not_wait_for_the_round(after, desk, monkeypatch):
    now_at(after, 12, monkeypatch)
    body, key = {"repair": after.ref, "words": "Come by, please"}, {"Idempotency-Key": "once"}
    for _ in range(2):
        assert desk("POST", "/follow-ups", json=body, headers=key).status_code == 201
    assert after.handed_on("is_bulk") == [False]
    # The round finds it handed on.
    assert after.hand_on() == 0
    after.compose()
    after.service.settle()
    assert len(after.asked("Come by, please")) == 1


def test_at_night_they_wait_for_the_morning(after, desk, monkeypatch):
    now_at(after, 3, monkeypatch)
    body = {"repair": after.ref, "words": "Come by, please"}
    assert desk("POST", "/follow-ups", json=body).status_code == 201
    assert after.handed_on() == []
    assert after.round(hour=9) == 1 and len(after.asked("Come by, please")) == 1


def test_it_may_be_moved_reworded_and_cancelled(delivered, desk):
    body = {"repair": delivered.ref, "words": "One", "due_at": soon()}
    path = f"/follow-ups/{desk('POST', '/follow-ups', json=body).json['id']}"
    later = soon(days=5)
    moved = desk("PUT", path, json={"due_at": later, "words": "Two"})
    assert moved.status_code == 200 and moved.json["words"] == "Two"
    assert moved.json["due_at"][:16] == later[:16]
    for _ in range(2):
        gone = desk("PATCH", path, json={"state": "cancelled"}).json
        assert gone["state"] == "cancelled" and gone["reason"].startswith("cancelled by")
    assert desk("PATCH", path, json={"words": "Three"}).status_code == 409
    planned = desk("GET", "/follow-ups?kind=survey").json["data"][0]
    assert desk("PATCH", f"/follow-ups/{planned['id']}", json={"words": "x"}).status_code == 422
    assert desk("GET", f"/follow-ups/{planned['id']}").json["repair"] == delivered.ref


@pytest.mark.parametrize(
    "body",
    [
        {"without": ["repair"]}, {"without": ["words"]}, {"due_at": None}, {"repair": 1},
        {"words": "x" * 2001}, {"words": ""}, {"words": "a\x00b"}, {"due_at": "tomorrow"},
        {"due_at": soon(days=-1)}, {"due_at": soon(days=800)}, {"due_at": "2026-12-01T10:00:00"},
        {"kind": "survey"}, {"customer": "CUS-NOBODY"},
    ],
)  # fmt: skip
def test_bad_input_is_refused(after, desk, body):
    whole = {"repair": after.ref, "words": "x", "due_at": soon()}
    for name in body.pop("without", []):
        del whole[name]
    whole |= body
    assert desk("POST", "/follow-ups", json=whole).status_code in (404, 422)
    assert after.states() == []


def test_roles(after, role):
    body = {"repair": after.ref, "words": "x", "due_at": soon()}
    wishes = {"review_url": None, "survey": ON, "review_request": OFF, "maintenance": OFF}
    for name, may in (
        ("viewer", (200, 403, 403, 403)), ("technician", (200, 403, 403, 403)),
        ("desk", (200, 201, 403, 200)), ("manager", (200, 201, 200, 200)),
        ("shop", (403, 403, 403, 403)),
    ):  # fmt: skip
        call = role(name)
        assert (
            call("GET", "/follow-ups").status_code,
            call("POST", "/follow-ups", json=body).status_code,
            call("PUT", "/follow-up-settings", json=wishes).status_code,
            call("GET", "/reviews").status_code,
        ) == may, name
    assert after.service.http.get("/api/v1/reviews").status_code == 401


@pytest.mark.parametrize(
    "url",
    ["http://example.test/", "javascript:alert(1)", "https://", "https://a:b@example.test/", "",
     "https://example.test/\r\nX: y", "https://[", "https://example.test/ x", "x" * 501, 7],
)  # fmt: skip
def test_a_review_link_is_an_https_address(role, url):
    wishes = {"review_url": url, "survey": ON, "review_request": ON, "maintenance": OFF}
    assert role("manager")("PUT", "/follow-up-settings", json=wishes).status_code == 422


def test_settings_are_kept_and_audited(after, role):
    manager = role("manager")
    first = manager("GET", "/follow-up-settings").json
    assert first["review_url"] is None and first["survey"] == {"is_on": True, "days": 1}
    wishes = {"review_url": URL, "survey": OFF, "review_request": ON, "maintenance": ON}
    for _ in range(2):
        assert manager("PUT", "/follow-up-settings", json=wishes).json == wishes
    assert manager("GET", "/follow-up-settings").json == wishes
    bad = wishes | {"survey": {"is_on": True, "days": 731}}
    assert manager("PUT", "/follow-up-settings", json=bad).status_code == 422
    assert after.service.count("audit", "action = 'follow_ups.settings'") == 2


def test_reviews_and_their_sum(delivered, desk):
    delivered.answer(rating=2)
    delivered.answer(text="<b>Slow</b>")
    (shown,) = desk("GET", "/reviews?technician=Rosa").json["data"]
    assert (shown["rating"], shown["comment"], shown["repair"]) == (2, "<b>Slow</b>", delivered.ref)
    assert shown["ticket"].startswith("TKT-")
    told = desk("GET", "/reviews/summary").json
    assert told["overall"] == {"name": None, "count": 1, "average": None, "marks": [0, 1, 0, 0, 0]}
    delivered.write("""
        INSERT INTO repairs (ref, status, status_at, status_occurred_at, currency, received_at,
                             updated_at)
        SELECT 'RPR-X-' || n, 'delivered', now(), now(), 'GBP', now(), now()
        FROM generate_series(1, 4) AS n""")
    delivered.write("""
        INSERT INTO surveys (repair_id, rating, locale, via, technician, at, changed_at)
        SELECT id, 5, 'en', 'page', 'Rosa', now(), now() FROM repairs WHERE ref LIKE 'RPR-X-%'""")
    told = desk("GET", "/reviews/summary").json
    assert (told["overall"]["average"], told["by_technician"][0]["name"]) == (4.4, "Rosa")
    first = desk("GET", "/reviews?limit=3").json
    rest = desk("GET", f"/reviews?limit=3&cursor={first['meta']['next_cursor']}").json
    assert len({one["id"] for one in first["data"] + rest["data"]}) == 5
    assert desk("GET", "/reviews?to=2020-01-01").json["data"] == []
    assert desk("GET", "/reviews?mood=bad").status_code == 422
