"""Bulk rows: behind everything else, at their rate, and each once whatever dies on the way."""

import threading
import time

from sqlalchemy import text

from crm.core import deadletters, ops, outbox
from crm.core.events import SYSTEM
from jobs import destinations
from jobs.bulk import MOST_WAITING, Bulk
from jobs.queue import work_queue
from jobs.rows import Rows
from tests.integration.jobs.test_scheduler import eventually, running


def fill(floor, table, count):
    """So many bulk rows that have been due for an hour."""
    with floor.engine.begin() as connection:
        if table == "inbox":
            connection.execute(text("""
                INSERT INTO inbox (source, sender, type, subject, delivery_key, body_hash, state,
                                   due_at, is_bulk)
                SELECT 'test', 's', 'noted', 'bulk:' || n, n::text, '', 'pending',
                       clock_timestamp() - interval '1 hour', true
                FROM generate_series(1, :n) n"""), {"n": count})  # fmt: skip
        else:
            connection.execute(text("""
                INSERT INTO outbox (kind, mode, effect_key, destination, lane, body, due_at,
                                    created_at, is_bulk)
                SELECT 'shop.note', 'send', 'bulk-' || n, 'shop', 'bulk-' || n, '{}',
                       clock_timestamp() - interval '1 hour', clock_timestamp(), true
                FROM generate_series(1, :n) n"""), {"n": count})  # fmt: skip


def count(floor, table, where):
    with floor.engine.connect() as connection:
        return connection.execute(text(f"SELECT count(*) FROM {table} WHERE {where}")).scalar()


def bulk_of(floor, per_second=100):
    rows = Rows(floor.inbox, floor.relay)
    return Bulk(floor.units, rows, per_second=per_second), rows


def finish(bulk, rows):
    rows.stopping.set()
    bulk.stop()


def test_what_a_bulk_unit_owes_is_bulk_rung_for_nowhere_and_in_a_lane_of_its_own(floor, rung):
    first = floor.owe("a", is_bulk=True)
    behind = floor.owe("b")
    assert [floor.row("outbox", one).is_bulk for one in (first, behind)] == [True, False]
    assert rung == [([], [behind])]
    # It does not wait for the bulk row that was owed before it in the same lane.
    floor.relay.run(behind)
    assert floor.deliverer.calls == [("deliver", "b")]
    with floor.units() as uow:
        uow.is_bulk = True
        mirror = outbox.sync(uow, "shop.mirror", "k", {})
    assert floor.row("outbox", mirror).is_bulk is False


def test_what_a_bulk_delivery_causes_is_bulk(floor):
    floor.handlers["test", "noted"] = lambda uow, row: outbox.send(
        uow, "shop.note", "caused", {}, lane="x"
    )
    fill(floor, "inbox", 1)
    bulk, rows = bulk_of(floor)
    bulk.wake()
    eventually(lambda: floor.deliverer.calls == [("deliver", "caused")])
    finish(bulk, rows)
    assert count(floor, "outbox", "is_bulk AND lane = 'x:bulk' AND state = 'done'") == 1


def test_an_ordinary_row_behind_many_leaves_next_without_redis(floor, tmp_path):
    fill(floor, "outbox", 2000)
    fill(floor, "inbox", 2000)
    with running(floor, tmp_path, per_second=20):
        eventually(lambda: floor.deliverer.calls)
        began = time.monotonic()
        owed, received = floor.owe("status"), floor.receive()
        eventually(lambda: floor.row("outbox", owed).state == "done", 2)
        eventually(lambda: floor.row("inbox", received).state == "done", 2)
        assert time.monotonic() - began < 2
    assert count(floor, "outbox", "is_bulk AND state = 'pending'") > 1900


def test_with_redis_ordinary_rows_alone_are_rung_for(floor, tmp_path, redis_url, redis_client):
    fill(floor, "outbox", 600)
    fill(floor, "inbox", 600)
    owed = floor.owe("status")
    floor.change("outbox", owed, "due_at = clock_timestamp() - interval '2 s'")
    with running(floor, tmp_path, redis_url=redis_url, sweep=5, per_second=20):
        eventually(lambda: work_queue(redis_client).count)
        eventually(lambda: floor.deliverer.calls)
        time.sleep(0.3)
    assert [job.args for job in work_queue(redis_client).jobs] == [[[], [owed]]]


def test_the_rate_is_kept_by_two_runners_together(floor):
    fill(floor, "outbox", 100)
    pairs = [bulk_of(floor, per_second=20) for _ in range(2)]
    for bulk, _ in pairs:
        bulk.wake()
    time.sleep(1.5)
    for bulk, rows in pairs:
        finish(bulk, rows)
    sent = [key for _, key in floor.deliverer.calls]
    assert len(sent) == len(set(sent)) and 10 <= len(sent) <= 32


def test_one_place_stays_for_others(floor):
    go_on = threading.Event()
    floor.deliverer.answers = [lambda effect: go_on.wait(10)] * destinations.BULK_AT_ONCE
    fill(floor, "outbox", 20)
    pairs = [bulk_of(floor) for _ in range(2)]
    for bulk, _ in pairs:
        bulk.wake()
    eventually(lambda: len(floor.deliverer.calls) == destinations.BULK_AT_ONCE)
    time.sleep(0.3)
    assert len(floor.deliverer.calls) == destinations.BULK_AT_ONCE
    floor.relay.run(floor.owe("status"))
    assert floor.deliverer.calls[-1] == ("deliver", "status")
    for _, rows in pairs:
        rows.stopping.set()
    go_on.set()
    for bulk, rows in pairs:
        finish(bulk, rows)


def test_deliveries_are_run_as_fast_as_their_effects_leave(floor):
    """So that each is decided on just before it is sent."""
    floor.handlers["test", "noted"] = lambda uow, row: outbox.send(
        uow, "shop.note", row.subject, {}, lane=row.subject
    )
    fill(floor, "inbox", 200)
    bulk, rows = bulk_of(floor, per_second=20)
    bulk.wake()
    eventually(lambda: len(floor.deliverer.calls) >= 10)
    assert count(floor, "outbox", "is_bulk AND state IN ('pending', 'sending')") <= 4
    finish(bulk, rows)


def test_a_closed_destination_is_not_asked_and_not_filled_without_end(floor):
    with floor.units() as uow:
        destinations.take_bulk_turn(uow, "shop", 1)
        destinations.close(uow, "shop", "breaker", 30)
    fill(floor, "outbox", MOST_WAITING)
    fill(floor, "inbox", 10)
    bulk, rows = bulk_of(floor)
    bulk.wake()
    time.sleep(0.3)
    finish(bulk, rows)
    assert floor.deliverer.calls == []
    assert count(floor, "inbox", "state = 'pending'") == 10


def test_a_row_whose_runner_died_is_looked_up_and_sent_once(floor, tmp_path):
    fill(floor, "outbox", 3)
    floor.relay._claim(1, "a token of the dead")  # as if killed before it could call
    floor.let_lease_run_out("outbox", 1)
    with running(floor, tmp_path):
        eventually(lambda: len(floor.deliverer.calls) >= 2)
        floor.make_due("outbox", 1)
        eventually(lambda: count(floor, "outbox", "state = 'done'") == 3)
    assert sorted(floor.deliverer.calls) == [
        ("deliver", "bulk-1"), ("deliver", "bulk-2"), ("deliver", "bulk-3"), ("look_up", "bulk-1"),
    ]  # fmt: skip


def test_that_they_wait_long_is_shown_and_alarms_nobody(floor):
    fill(floor, "outbox", 3)
    fill(floor, "inbox", 2)
    with floor.units() as uow:
        now = ops.snapshot(uow)
    assert [(row.state, row.count) for row in now.outbox + now.inbox] == [("bulk", 3), ("bulk", 2)]
    assert now.outbox[0].oldest_seconds >= 3600
    assert now.inbox_oldest_seconds == now.outbox_oldest_seconds == 0


def test_one_that_is_replayed_waits_for_its_turn_too(floor, rung):
    owed = floor.owe("a", is_bulk=True)
    floor.change("outbox", owed, "state = 'dead'")
    with floor.units() as uow:
        deadletters.replay(uow, "outbox", owed, SYSTEM)
    assert floor.row("outbox", owed).state == "pending" and rung == []
