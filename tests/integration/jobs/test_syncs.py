"""Syncs: waiting ones merge, none is lost, a covered one steps aside."""

import threading
from concurrent.futures import ThreadPoolExecutor

from sqlalchemy import text

from crm.core import outbox
from crm.core.errors import Temporary
from jobs import leases


def waiting(floor):
    with floor.engine.connect() as connection:
        return connection.execute(
            text("SELECT count(*) FROM outbox WHERE state = 'pending'")
        ).scalar_one()


def test_waiting_syncs_of_one_id_merge(floor):
    assert floor.owe_sync("1") == floor.owe_sync("1")
    assert floor.owe_sync("2") != floor.owe_sync("1")
    assert waiting(floor) == 2


def test_one_at_work_does_not_cover_a_newer_need(floor):
    first = floor.owe_sync("1")
    newer = []
    floor.deliverer.answers = [lambda effect: newer.append(floor.owe_sync("1"))]
    assert floor.relay.run(first) == newer[0] != first


def test_a_need_that_merges_is_not_served_before_its_change_can_be_seen(floor, rung):
    """Else the waiting row would be carried out without it, and nothing would be left to do."""
    row_id = floor.owe_sync("1")
    with floor.units() as uow:
        assert outbox.sync(uow, "shop.mirror", "1", {"id": "1"}) == row_id
        assert floor.relay.run(row_id) is None
        assert floor.deliverer.calls == []
        rung.clear()
    assert rung == [([], [row_id])]
    floor.relay.run(row_id)
    assert floor.deliverer.calls == [("deliver", "shop.mirror:1")]


def test_two_units_may_merge_into_one_row_without_waiting_for_each_other(floor):
    row_id = floor.owe_sync("1")
    inside = threading.Event()

    def second():
        with floor.units() as uow:
            found = outbox.sync(uow, "shop.mirror", "1", {"id": "1"})
        inside.set()
        return found

    with ThreadPoolExecutor(1) as pool, floor.units() as uow:
        assert outbox.sync(uow, "shop.mirror", "1", {"id": "1"}) == row_id
        other = pool.submit(second)
        assert inside.wait(5)
        assert other.result() == row_id


def test_a_failed_sync_steps_aside_for_a_newer_one(floor):
    first = floor.owe_sync("1")
    newer = []

    def fail(effect):
        newer.append(floor.owe_sync("1"))
        raise Temporary("busy")

    floor.deliverer.answers = [fail]
    assert floor.relay.run(first) == newer[0]
    assert floor.row("outbox", first).state == "cancelled"
    floor.relay.run(newer[0])
    assert floor.row("outbox", newer[0]).state == "done"


def test_an_expired_sync_waits_again_or_steps_aside(floor):
    alone, covered = floor.owe_sync("1"), floor.owe_sync("2")
    for row_id in (alone, covered):
        floor.change("outbox", row_id, "state = 'sending', lease_token = 'dead worker'")
        floor.let_lease_run_out("outbox", row_id)
    newer = floor.owe_sync("2")
    assert leases.expire(floor.units, 60) == (0, 2)
    states = [floor.row("outbox", row_id).state for row_id in (alone, covered, newer)]
    assert states == ["pending", "cancelled", "pending"]
