"""What became of our message in its conversation, in whatever order and number Chatwoot tells it.

That another channel then brings it: tests/integration/channels/test_passed_on.py.
"""

from __future__ import annotations

import random

import pytest

from crm.notifications.markdown import plain
from tests.service import Service

ERROR = "131047: Re-engagement message, to +447700900123"
REASON = "permanent: 131047: Re-engagement message, to ***23"


@pytest.fixture
def number(mendline: Service) -> int:
    """A conversation in which one message of ours was posted."""
    number, key = mendline.open_thread(), mendline.shop_key()
    mendline.report(key, "repair.created", external_id="A-1", conversation_id=number)
    mendline.settle()
    assert _log(mendline) == [("sent",)]
    return number


@pytest.mark.parametrize("spoken_after", [False, True])
def test_a_failure_is_heard(mendline: Service, number: int, spoken_after: bool):
    mendline.faults.change({"webhook_double": 1})
    if spoken_after:
        mendline.agent(number, "I am looking at it now")
        mendline.settle()
    mendline.becomes(number, "failed", ERROR)
    mendline.settle()
    assert _log(mendline, "state, reason") == [("failed", REASON)]
    assert [plain(REASON) in note for note in mendline.notes(number)].count(True) == 1


@pytest.mark.parametrize("spoken_after", [False, True])
def test_delivered_and_read_climb(mendline: Service, number: int, spoken_after: bool):
    """Of an older message only the thread itself tells how far it came."""
    for status in ("delivered", "read"):
        if spoken_after:
            mendline.agent(number, "I am looking at it now")
            mendline.settle()
        mendline.becomes(number, status)
        mendline.settle()
        assert _log(mendline) == [(status,)]


@pytest.mark.parametrize("seed", range(4))
def test_shuffled_and_doubled_news_only_climbs(mendline: Service, number: int, seed: int):
    """Late copies of `sent`, `delivered` and of a failure that was overtaken."""
    news = [_event(mendline, number, status) for status in ("sent", "delivered", "read")] * 2
    news.append(_event(mendline, number, "delivered", "words of an earlier failure"))
    random.Random(seed).shuffle(news)
    for body in [*news, _event(mendline, number, "failed", "too late")]:
        assert mendline.hear("message_updated", body).status_code in (200, 202)
        mendline.take_in()
    assert _log(mendline) == [("read",)]


def test_a_failure_known_before_the_message_itself(mendline: Service, number: int):
    """Bodies are made later than their events: the first may tell the end already."""
    body = _event(mendline, number, "failed", ERROR)
    mendline.table("DELETE FROM ticket_messages WHERE effect_key IS NOT NULL RETURNING 1")
    mendline.table("DELETE FROM inbox WHERE type = 'message_created' RETURNING 1")
    mendline.hear("message_created", body)
    mendline.take_in()
    assert _log(mendline, "state, reason") == [("failed", REASON)]


@pytest.mark.parametrize("error", ["x" * 10_000, "<b>{{x}}\n\nמחק 🙂\x00", 7, {"a": 1}, [], ""])
def test_hostile_words_of_a_failure(mendline: Service, number: int, error: object):
    mendline.hear("message_updated", _event(mendline, number, "failed", error))
    mendline.take_in()
    ((state, reason),) = _log(mendline, "state, reason")
    assert state == "failed" and reason.startswith("permanent: ")
    assert len("permanent: ") < len(reason) < 400 and "\n" not in reason


def _log(mendline: Service, columns: str = "state") -> list[tuple]:
    return [tuple(row) for row in mendline.table(f"SELECT {columns} FROM notifications")]


def _event(mendline: Service, number: int, status: str, error: object = None) -> dict:
    """The body Chatwoot makes of our message while it is the last one."""
    ours = mendline.sent(number)
    attributes = ours["content_attributes"] | ({} if error is None else {"external_error": error})
    thread = mendline.sandbox.client().conversation(number).raw
    return {
        "id": ours["id"],
        "message_type": "outgoing",
        "content": ours["content"],
        "content_attributes": attributes,
        "created_at": "2026-05-20T09:47:02.118Z",
        "conversation": thread | {"messages": [{"id": ours["id"], "status": status}]},
    }
