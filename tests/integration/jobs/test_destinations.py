"""Breaker, pause and the places of one destination."""

import threading
from concurrent.futures import ThreadPoolExecutor

from sqlalchemy import text

from crm.core.errors import Denied, Temporary
from jobs.destinations import AT_ONCE, FAULTS_IN_ROW, WINDOW


def fail(floor, count, start=0):
    for number in range(start, start + count):
        floor.deliverer.answers = [Temporary("busy")]
        floor.relay.run(floor.owe(f"f{number}", lane=f"f{number}"))


def work(floor, count, start=0):
    for number in range(start, start + count):
        floor.relay.run(floor.owe(f"w{number}", lane=f"w{number}"))


def let_break_end(floor):
    with floor.engine.begin() as connection:
        connection.execute(
            text("UPDATE destinations SET closed_until = clock_timestamp() - interval '1 ms'")
        )


def test_four_faults_in_a_row_leave_it_open(floor):
    fail(floor, FAULTS_IN_ROW - 1)
    work(floor, 1)
    fail(floor, FAULTS_IN_ROW - 1, start=50)
    assert floor.destination().closed_until is None


def test_five_faults_in_a_row_close_it_and_waiting_costs_nothing(floor):
    fail(floor, FAULTS_IN_ROW)
    assert 25 <= floor.destination().closed_for <= 30
    calls = len(floor.deliverer.calls)
    row_id = floor.owe("waits", lane="waits")
    floor.relay.run(row_id)
    row = floor.row("outbox", row_id)
    assert (row.state, row.attempts, row.first_tried_at) == ("pending", 0, None)
    assert 0 < row.wait <= 5
    assert len(floor.deliverer.calls) == calls


def test_half_of_twenty_close_it(floor):
    for number in range(WINDOW // 2):
        work(floor, 1, start=number)
        assert floor.destination().closed_until is None
        fail(floor, 1, start=number)
    assert floor.destination().closed_until is not None


def test_after_the_break_one_probe_goes_and_the_others_wait(floor):
    fail(floor, FAULTS_IN_ROW)
    let_break_end(floor)
    ids = [floor.owe(f"p{n}", lane=f"p{n}") for n in range(6)]
    start, calls = threading.Barrier(6), []

    def probe(effect):
        calls.append(effect.effect_key)
        threading.Event().wait(0.3)
        raise Temporary("still busy")

    floor.deliverer.answers = [probe] * 6

    def run(row_id):
        start.wait(5)
        floor.relay.run(row_id)

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(run, ids))
    assert len(calls) == 1
    assert 25 <= floor.destination().closed_for <= 30


def test_a_probe_that_works_opens_it(floor):
    fail(floor, FAULTS_IN_ROW)
    let_break_end(floor)
    work(floor, 2)
    assert floor.destination().closed_until is None
    assert len([call for call in floor.deliverer.calls if call[1].startswith("w")]) == 2


def test_refused_credentials_pause_it_and_cost_no_attempt(floor):
    row_id = floor.owe("a", lane="a")
    floor.deliverer.answers = [Denied("401")]
    floor.relay.run(row_id)
    row = floor.row("outbox", row_id)
    assert (row.state, row.attempts) == ("pending", 0) and row.wait > 50
    found = floor.destination()
    assert found.closed_for > 50 and found.reason.startswith("denied")
    other = floor.owe("b", lane="b")
    floor.relay.run(other)
    assert floor.deliverer.calls == [("deliver", "a")]


def test_at_most_four_calls_at_once(floor):
    ids = [floor.owe(f"m{n}", lane=f"m{n}") for n in range(AT_ONCE + 3)]
    lock, start = threading.Lock(), threading.Barrier(len(ids))
    now, most = [0], [0]

    def call(effect):
        with lock:
            now[0] += 1
            most[0] = max(most[0], now[0])
        threading.Event().wait(0.4)
        with lock:
            now[0] -= 1

    floor.deliverer.answers = [call] * len(ids)

    def run(row_id):
        start.wait(5)
        floor.relay.run(row_id)

    with ThreadPoolExecutor(len(ids)) as pool:
        list(pool.map(run, ids))
    assert most[0] == AT_ONCE
    waiting = [floor.row("outbox", row_id) for row_id in ids]
    assert sum(row.state == "done" for row in waiting) == AT_ONCE
    assert all(row.wait <= 0.25 for row in waiting if row.state == "pending")
