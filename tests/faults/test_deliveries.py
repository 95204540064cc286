"""Deliveries doubled, shuffled, repeated by the sender, or never received."""

from __future__ import annotations

import random
import time
import uuid
from concurrent.futures import ThreadPoolExecutor

from sqlalchemy import text

from tests.faults import counting
from tests.faults.harness import Service, eventually
from tests.faults.playing import STATUSES, afternoon, settle_and_count

SHOP_PHONES = 25


def count(service: Service, query: str) -> int:
    with service.parts.engine.connect() as connection:
        return connection.execute(text(query)).scalar_one()


def test_500_deliveries_doubled_and_shuffled(service: Service) -> None:
    """Half from Chatwoot, half from a shop that repeats and mixes up its own news."""
    service.faults(webhook_double=1, webhook_reorder=True, seed=7)
    numbers = service.play("POST", "/burst", {"conversations": SHOP_PHONES, "messages_each": 2})
    dice, news = random.Random(7), []
    for number in numbers["conversations"]:
        job = f"JOB-{uuid.uuid4().hex[:8]}"
        news.append(("repair.created", {"external_id": job, "device": "Phone", "version": 1,
                                        "conversation_id": number}))  # fmt: skip
        news += [("repair.status_changed", {"external_id": job, "status": s, "version": v})
                 for s, v in STATUSES]  # fmt: skip
    posts = [(f"msg_{at}", kind, data) for at, (kind, data) in enumerate(news)] * 2
    dice.shuffle(posts)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda post: service.post_event(post[1], post[2], post[0]), posts))
    counting.rest(service, 60)
    assert len(service.play("GET", "/deliveries?limit=2000")["deliveries"]) + len(posts) >= 500
    service.faults(webhook_double=0, webhook_reorder=False)
    settle_and_count(service, conversations=SHOP_PHONES)
    assert count(service, "SELECT count(*) FROM repairs") == SHOP_PHONES
    assert count(service, "SELECT count(*) FROM inbox WHERE source = 'shop'") == len(news)


def test_web_dies_between_storing_and_answering(service: Service) -> None:
    """The sender repeats under its key, and learns that we have it."""
    first = afternoon(service, "repeated")
    counting.rest(service)
    for step in range(1, 13):
        service.arm("web", step)
        news = {"external_id": first["external_id"], "note": f"step {step}"}
        answers = service.post_event("repair.note_added", news, f"msg_step_{step}")
        service.disarm("web")
        if answers[0] == 0 and answers[-1] == 200:
            break
    else:
        raise AssertionError("no step of the web process lies between commit and answer")
    settle_and_count(service, conversations=1)
    assert count(service, "SELECT count(*) FROM inbox WHERE source = 'shop'"
                          f" AND delivery_key = 'msg_step_{step}'") == 1  # fmt: skip


def test_200_messages_while_the_receiver_is_down_then_reconcile(service: Service) -> None:
    known = afternoon(service, "known")
    counting.rest(service)
    service.stop("web")
    service.play("POST", "/burst", {"conversations": 50, "messages_each": 4})
    service.writes_again(known["contact"], "Are you there?")
    service.play("POST", f"/conversations/{known['number']}/status", {"status": "resolved"})
    eventually(lambda: service.play("GET", "/deliveries?limit=1")["pending"] == 0, "all posted", 60)
    service.heal()
    service.wait_ready()
    assert count(service, "SELECT count(*) FROM conversations") == 1
    service.run("reconcile")
    settle_and_count(service, conversations=51)
    assert service.reconcile() == 0


def test_redis_is_silent_and_no_request_waits_for_it(service: Service) -> None:
    afternoon(service, "warm")
    service.stores.redis.stop()
    try:
        slowest = 0.0
        for _ in range(20):
            started = time.monotonic()
            service.post_event("repair.created", {"external_id": f"R-{uuid.uuid4()}", "version": 1})
            slowest = max(slowest, time.monotonic() - started)
    finally:
        service.stores.redis.start()
    assert slowest < 0.5
    counting.rest(service)
