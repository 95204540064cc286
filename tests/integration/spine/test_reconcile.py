"""What webhooks failed to bring is found by one pass, and never twice (reliability.md, rule 26)."""

from __future__ import annotations

import pytest

from tests import builders


@pytest.mark.parametrize("which", ["mendline", "elder"])
def test_a_receiver_that_was_down_misses_nothing(request, which):
    service = request.getfixturevalue(which)
    known = service.open_thread("before the outage")
    closed = service.open_thread("soon done")
    assert service.reconcile().found == 0

    service.faults.change({"webhook_drop": 1})
    service.play("POST", "/burst", conversations=33, messages_each=6)
    customer = service.thread(known)["meta"]["sender"]["id"]
    service.writes(customer, "anybody there?")
    service.agent(known, "a note you missed", private=True)
    service.play("POST", f"/conversations/{closed}/status", status="resolved")
    assert service.courier.wait_until_idle(20), "the sandbox is still losing deliveries"
    assert service.count("tickets") == 2

    service.faults.reset()
    run = service.reconcile()
    service.settle()
    assert service.count("tickets") == 35
    assert service.count("ticket_messages") == 2 + 33 * 6 + 2
    assert service.count("ticket_messages", "private") == 1
    assert service.one("SELECT status FROM conversations WHERE number = :n", n=closed) == "resolved"
    assert run.found == 33 * 6 + 2 + 1
    second = service.reconcile()
    service.settle()
    assert second.found == 0
    assert second.error is None and second.watermark_at > run.watermark_at
    assert service.count("ticket_messages") == 2 + 33 * 6 + 2
    assert service.unfinished() == []


def test_a_late_webhook_after_reconciling_is_a_duplicate(mendline):
    mendline.faults.change({"webhook_drop": 1})
    number = mendline.writes(mendline.visitor(), "lost")
    assert mendline.courier.wait_until_idle(5)
    mendline.faults.reset()
    assert mendline.reconcile().found == 1
    mendline.settle()
    message_id = mendline.thread(number)["messages"][0]["id"]
    copy = builders.message(builders.conversation(number), "lost", number=message_id)
    answer = mendline.hear("message_created", copy)
    assert (answer.status_code, answer.json["status"]) == (200, "duplicate")
    mendline.settle()
    assert mendline.count("ticket_messages") == 1


def test_a_pass_that_breaks_moves_no_watermark(mendline):
    mendline.open_thread()
    mendline.faults.change({"refuse": True})
    with pytest.raises(Exception, match=".") as broken:
        mendline.reconcile()
    assert broken.value.retry
    rows = mendline.table("SELECT watermark_at, error IS NOT NULL FROM reconcile_runs")
    assert rows == [(None, True)]
