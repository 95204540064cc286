"""The plan made at the handing over, and where a follow-up goes from each state."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from crm.followups import rules
from crm.followups.rules import Seen, Wish, Wishes

LONDON = ZoneInfo("Europe/London")
URL = "https://example.test/review"
NOW = datetime(2026, 11, 21, 11, tzinfo=UTC)
AGO = NOW - timedelta(days=2)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


def kinds(**on: bool) -> dict[str, Wish]:
    return {kind: Wish(on.get(kind, False), 1) for kind in rules.PLANNED}


@pytest.mark.parametrize(
    ("wishes", "planned"),
    [
        (Wishes(), {"survey"}),
        (Wishes(URL), {"survey", "review_request"}),
        (Wishes(URL, kinds(review_request=True)), {"review_request"}),
        (Wishes(None, kinds(review_request=True)), set()),
        (Wishes(None, kinds(maintenance=True)), {"maintenance"}),
        (Wishes(URL, kinds()), set()),
    ],
)
def test_what_is_planned(wishes, planned):
    assert set(rules.plan(wishes, NOW, LONDON)) == planned


@pytest.mark.parametrize(
    ("delivered", "days", "due"),
    [
        ("2026-11-21T11:00+00:00", 1, "2026-11-22T11:00+00:00"),
        ("2026-11-21T22:30+00:00", 1, "2026-11-22T19:00+00:00"),
        ("2026-11-21T06:00+00:00", 3, "2026-11-24T09:00+00:00"),
        # The clock goes back on 25 October and forward on 28 March: the wall clock counts.
        ("2026-10-24T11:00+00:00", 1, "2026-10-25T12:00+00:00"),
        ("2026-03-28T12:00+00:00", 1, "2026-03-29T11:00+00:00"),
    ],
)
def test_when_it_is_due(delivered, days, due):
    assert rules.due_at(at(delivered), days, LONDON) == at(due)


@pytest.mark.parametrize(
    ("moment", "may"),
    [("2026-07-01T08:00+00:00", True), ("2026-07-01T07:59+00:00", False),
     ("2026-07-01T18:59+00:00", True), ("2026-07-01T19:00+00:00", False)],
)  # fmt: skip
def test_the_shop_writes_from_nine_to_eight(moment, may):
    assert rules.may_write(at(moment), LONDON) is may


@pytest.mark.parametrize(
    ("seen", "state"),
    [
        (Seen("survey", "pending"), None),
        (Seen("survey", "pending", has_new_repair=True), "cancelled"),
        (Seen("review_request", "pending", has_new_repair=True), "cancelled"),
        (Seen("custom", "pending", has_new_repair=True), None),
        (Seen("survey", "pending", has_written=True), None),
        (Seen("survey", "scheduled", "queued"), None),
        (Seen("survey", "scheduled", "sent"), "sent"),
        (Seen("survey", "scheduled", "read"), "sent"),
        (Seen("survey", "scheduled", "failed"), "failed"),
        (Seen("survey", "scheduled", "cancelled"), "failed"),
        (Seen("survey", "scheduled", None), "failed"),
        (Seen("survey", "scheduled", "queued", has_new_repair=True), "cancelled"),
        (Seen("survey", "scheduled", "no_channel", has_new_repair=True), "cancelled"),
        (Seen("custom", "scheduled", "queued", has_new_repair=True), None),
        (Seen("survey", "scheduled", "sent", has_new_repair=True), "sent"),
        (Seen("survey", "scheduled", "no_channel", composed_at=NOW), None),
        (Seen("survey", "scheduled", "no_channel", composed_at=AGO), "failed"),
        (Seen("survey", "sent", "sent", sent_at=AGO), None),
        (Seen("survey", "sent", "failed", sent_at=AGO), "failed"),
        (Seen("survey", "sent", "read", sent_at=AGO, has_written=True), "completed"),
        (Seen("survey", "sent", "read", sent_at=AGO, has_new_repair=True), "completed"),
        (Seen("custom", "sent", "read", sent_at=AGO, has_new_repair=True), None),
        (Seen("survey", "sent", "read", sent_at=NOW - rules.SILENCE), "no_response"),
        (Seen("survey", "completed", "read", has_written=True), None),
        (Seen("survey", "cancelled", has_new_repair=True), None),
    ],
)  # fmt: skip
def test_where_it_goes(seen, state):
    found = rules.outcome(seen, NOW)
    assert (found[0] if found else None) == state


def test_an_answer_may_be_changed_for_a_day():
    assert rules.may_change(NOW - timedelta(hours=24), NOW)
    assert not rules.may_change(NOW - timedelta(hours=24, seconds=1), NOW)
