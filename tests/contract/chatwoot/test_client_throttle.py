"""The shared rate towards Chatwoot: places run out, come back, and survive Redis."""

from __future__ import annotations

import time

import pytest
import responses

from chatwoot.client import Client
from chatwoot.objects import WEB_WIDGET
from chatwoot.throttle import Throttle
from crm.core.errors import Temporary

DESTINATION = "https://chat.example.test"


def refused(throttle, *conversation):
    with pytest.raises(Temporary) as caught:
        throttle.wait(DESTINATION, *conversation)
    assert not caught.value.costs_attempt
    return caught.value.after


def test_a_burst_uses_the_minute_then_waiting_costs_no_attempt():
    throttle = Throttle(per_second=1)
    for _ in range(60):
        throttle.wait(DESTINATION)
    assert 50 < refused(throttle) <= 60
    throttle.wait("https://other.example.test")


def test_messages_count_per_conversation_and_calls_do_not():
    throttle = Throttle(messages_per_minute=3)
    for _ in range(3):
        throttle.wait(DESTINATION, "7/42")
    assert refused(throttle, "7/42") > 50
    throttle.wait(DESTINATION, "7/43")
    throttle.wait(DESTINATION)


def test_a_place_that_frees_soon_is_waited_for(monkeypatch):
    throttle, now = Throttle(messages_per_minute=1), time.time
    with monkeypatch.context() as earlier:
        earlier.setattr(time, "time", lambda: now() - 59.6)
        throttle.wait(DESTINATION, "7/42")
    started = time.monotonic()
    throttle.wait(DESTINATION, "7/42")
    assert 0.1 < time.monotonic() - started < 1


def test_processes_share_the_rate_on_redis(redis_url, redis_client):
    first, second = (Throttle(redis_url, messages_per_minute=4) for _ in range(2))
    for throttle in (first, second, first, second):
        throttle.wait(DESTINATION, "7/42")
    for throttle in (first, second):
        assert refused(throttle, "7/42") > 50


@pytest.mark.parametrize("url", ["unix:///nowhere/redis.sock", "redis://127.0.0.1:1/0"])
def test_while_redis_is_away_each_process_counts_for_itself(url):
    throttle = Throttle(url, messages_per_minute=2)
    started = time.monotonic()
    for _ in range(2):
        throttle.wait(DESTINATION, "7/42")
    refused(throttle, "7/42")
    assert time.monotonic() - started < 1


def test_a_message_without_a_place_is_not_sent():
    client = Client(DESTINATION, 7, "token", throttle=Throttle(messages_per_minute=1))
    path = f"{DESTINATION}/api/v1/accounts/7/conversations/42/messages"
    with responses.RequestsMock() as line:
        line.get(f"{DESTINATION}/api", json={"version": "4.14.0"})
        line.post(path, json={"id": 1, "conversation_id": 42, "message_type": 1})
        client.messages.create(42, "one", effect_key="a", channel=WEB_WIDGET)
        with pytest.raises(Temporary):
            client.messages.create(42, "two", effect_key="b", channel=WEB_WIDGET)
        assert line.assert_call_count(path, 1)
