"""Inbox rows: claims, leases, and what becomes of a row whose handler fails."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import text

from crm.core.errors import NotFound, Temporary, UnknownParent
from jobs import leases
from jobs.leases import MOST_ERRORS, MOST_LOST_LEASES

WRITE = text("INSERT INTO idempotency_keys VALUES ('test', :key, '', '', clock_timestamp())")


def written(floor):
    with floor.engine.connect() as connection:
        return (
            connection.execute(text("SELECT key FROM idempotency_keys ORDER BY key"))
            .scalars()
            .all()
        )


def test_the_handlers_work_and_the_mark_commit_together(floor):
    floor.handlers["test", "noted"] = lambda uow, row: uow.session.execute(WRITE, {"key": "a"})
    row_id = floor.receive()
    assert floor.inbox.run(row_id) is None
    assert floor.row("inbox", row_id).state == "done"
    assert written(floor) == ["a"]


def test_a_failing_handler_leaves_nothing_but_the_reason(floor):
    def handle(uow, row):
        uow.session.execute(WRITE, {"key": "a"})
        raise NotFound("no such thing")

    floor.handlers["test", "noted"] = handle
    row_id = floor.receive()
    floor.inbox.run(row_id)
    row = floor.row("inbox", row_id)
    assert (row.state, row.reason) == ("dead", "not-found: no such thing")
    assert written(floor) == []


def test_one_subject_has_one_worker_and_others_run_beside_it(floor):
    inside, go_on = threading.Event(), threading.Event()

    def handle(uow, row):
        if row.delivery_key == "slow":
            inside.set()
            assert go_on.wait(10)

    floor.handlers["test", "noted"] = handle
    slow, behind, elsewhere = (
        floor.receive("thing:1", key="slow"), floor.receive("thing:1"), floor.receive("thing:2")
    )  # fmt: skip
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(floor.inbox.run, slow)
        assert inside.wait(10)
        try:
            assert floor.inbox.run(behind) is None
            assert floor.row("inbox", behind).state == "pending"
            floor.inbox.run(elsewhere)
            assert floor.row("inbox", elsewhere).state == "done"
        finally:
            go_on.set()
        assert running.result(10) == behind


def test_a_row_locked_by_another_claim_is_passed_over(floor):
    row_id = floor.receive()
    with floor.engine.begin() as other:
        other.execute(text("SELECT 1 FROM inbox WHERE id = :id FOR UPDATE"), {"id": row_id})
        assert floor.inbox.run(row_id) is None
    assert floor.row("inbox", row_id).attempts == 0


def test_the_oldest_row_of_a_subject_goes_first_whichever_was_rung_for(floor):
    order = []
    floor.handlers["test", "noted"] = lambda uow, row: order.append(row.id)
    first, second = floor.receive(), floor.receive()
    assert floor.inbox.run(second) == second
    floor.inbox.run(second)
    assert order == [first, second]


def test_a_lost_lease_keeps_nothing(floor):
    def handle(uow, row):
        uow.session.execute(WRITE, {"key": "a"})
        floor.change("inbox", row.id, "lease_token = 'somebody else'")

    floor.handlers["test", "noted"] = handle
    row_id = floor.receive()
    floor.inbox.run(row_id)
    assert written(floor) == []
    assert floor.row("inbox", row_id).lease_token == "somebody else"


def test_a_failure_after_the_lease_was_lost_does_not_touch_the_row(floor):
    def handle(uow, row):
        floor.change("inbox", row.id, "lease_token = 'somebody else'")
        raise NotFound("gone")

    floor.handlers["test", "noted"] = handle
    row_id = floor.receive()
    floor.inbox.run(row_id)
    assert floor.row("inbox", row_id).state == "running"


def test_the_heartbeat_carries_a_lease_over_its_end(make_floor):
    floor = make_floor(lease=0.6, beat=0.1)

    def handle(uow, row):
        threading.Event().wait(1.2)
        leases.expire(floor.units, 60)

    floor.handlers["test", "noted"] = handle
    row_id = floor.receive()
    floor.inbox.run(row_id)
    row = floor.row("inbox", row_id)
    assert (row.state, row.lost_leases) == ("done", 0)


def test_an_expired_lease_waits_again_and_the_third_is_poison(floor):
    poison, behind = floor.receive(), floor.receive()
    for lost in range(1, MOST_LOST_LEASES + 1):
        assert floor.row("inbox", poison).state == "pending"
        floor.change("inbox", poison, "state = 'running', lease_token = 'gone'")
        floor.let_lease_run_out("inbox", poison)
        leases.expire(floor.units, 60)
        assert floor.row("inbox", poison).lost_leases == lost
    row = floor.row("inbox", poison)
    assert row.state == "dead" and "poison" in row.reason
    floor.inbox.run(behind)
    assert floor.row("inbox", behind).state == "done"


def test_a_living_lease_is_left_alone(floor):
    row_id = floor.receive()
    floor.change(
        "inbox", row_id, "state = 'running', lease_until = clock_timestamp() + interval '9 s'"
    )
    assert leases.expire(floor.units, 60) == (0, 0)


def test_five_errors_are_poison_and_the_subject_goes_on(floor):
    def handle(uow, row):
        if row.delivery_key == "poison":
            raise RuntimeError("a defect")

    floor.handlers["test", "noted"] = handle
    poison, behind = floor.receive(key="poison"), floor.receive()
    floor.inbox.run(poison)
    assert 3.5 <= floor.row("inbox", poison).wait <= 6
    assert floor.inbox.run(behind) is None
    assert floor.row("inbox", behind).state == "done"
    for _ in range(MOST_ERRORS - 1):
        floor.make_due("inbox", poison)
        floor.inbox.run(poison)
    row = floor.row("inbox", poison)
    assert (row.state, row.errors) == ("dead", MOST_ERRORS)
    assert "RuntimeError" in row.reason and "a defect" not in row.reason


def test_a_temporary_fault_climbs_the_ladder_to_its_end(floor):
    def handle(uow, row):
        raise Temporary("come back later")

    floor.handlers["test", "noted"] = handle
    row_id = floor.receive()
    for rung in (5, 30, 120):
        floor.inbox.run(row_id)
        row = floor.row("inbox", row_id)
        assert row.state == "pending" and rung * 0.75 <= row.wait <= rung * 1.2
        floor.make_due("inbox", row_id)
    floor.inbox.run(row_id)
    row = floor.row("inbox", row_id)
    assert row.state == "dead" and "come back later" in row.reason


def test_an_unknown_parent_is_waited_for_beyond_the_ladder_but_not_beyond_a_day(floor):
    def handle(uow, row):
        raise UnknownParent("no such repair")

    floor.handlers["test", "noted"] = handle
    row_id = floor.receive()
    floor.change("inbox", row_id, "attempts = 20")
    floor.inbox.run(row_id)
    row = floor.row("inbox", row_id)
    # It looks again within the minute, whichever rung it is on: a parent may have come by the API.
    assert row.state == "pending" and 30 < row.wait <= 60
    floor.change("inbox", row_id, "received_at = clock_timestamp() - interval '23 h 59 min 30 s'")
    floor.make_due("inbox", row_id)
    floor.inbox.run(row_id)
    assert 0 < floor.row("inbox", row_id).wait <= 30
    floor.change("inbox", row_id, "received_at = clock_timestamp() - interval '24 h 1 s'")
    floor.make_due("inbox", row_id)
    floor.inbox.run(row_id)
    row = floor.row("inbox", row_id)
    assert (row.state, row.reason) == ("dead", "unknown-parent: no such repair")


def test_what_waits_for_its_parent_goes_on_when_the_parent_came(floor):
    known = []

    def handle(uow, row):
        if row.delivery_key == "parent":
            known.append(row.subject)
        elif row.subject not in known:
            raise UnknownParent("not yet")

    floor.handlers["test", "noted"] = handle
    child = floor.receive(key="child")
    floor.inbox.run(child)
    assert floor.row("inbox", child).wait > 3
    assert floor.inbox.run(floor.receive(key="parent")) == child
    floor.inbox.run(child)
    assert floor.row("inbox", child).state == "done"


@pytest.mark.parametrize("statement", ["SELECT pg_sleep(5)", "SELECT 1 / 0"])
def test_a_statement_that_always_fails_is_poison_and_no_endless_loop(floor, statement):
    def handle(uow, row):
        uow.session.execute(text("SET LOCAL statement_timeout = 20"))
        uow.session.execute(text(statement))

    floor.handlers["test", "noted"] = handle
    row_id = floor.receive()
    for _ in range(MOST_ERRORS):
        floor.make_due("inbox", row_id)
        floor.inbox.run(row_id)
    assert floor.row("inbox", row_id).state == "dead"


def test_a_lost_race_is_tried_at_once_and_then_climbs_the_ladder(floor):
    floor.handlers["test", "noted"] = lambda uow, row: uow.session.execute(WRITE, {"key": "a"})
    with floor.units() as uow:
        uow.session.execute(WRITE, {"key": "a"})
    row_id = floor.receive()
    for least, most in ((-9, 1), (0, 6), (12, 36)):
        floor.inbox.run(row_id)
        row = floor.row("inbox", row_id)
        assert row.state == "pending" and least <= row.wait <= most
        assert row.reason == "lost a race: handler error: IntegrityError"
        floor.make_due("inbox", row_id)


def test_a_database_that_goes_away_is_not_the_rows_fault(floor):
    def handle(uow, row):
        pid = uow.session.execute(text("SELECT pg_backend_pid()")).scalar_one()
        with floor.engine.begin() as other:
            other.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": pid})
        uow.session.execute(text("SELECT 1"))

    floor.handlers["test", "noted"] = handle
    row_id = floor.receive()
    floor.inbox.run(row_id)
    row = floor.row("inbox", row_id)
    assert (row.state, row.errors) == ("pending", 0)


def test_a_row_without_a_handler_ends_with_a_reason(floor):
    row_id = floor.receive(kind="unheard-of")
    for _ in range(MOST_ERRORS):
        floor.make_due("inbox", row_id)
        floor.inbox.run(row_id)
    assert floor.row("inbox", row_id).state == "dead"
