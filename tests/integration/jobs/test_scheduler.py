"""The scheduler: one leader, fair sweeps, duties caught up once, rows run here without Redis."""

import threading
import time
from contextlib import contextmanager

import pytest
from sqlalchemy import text

from crm.core.errors import Uncertain
from crm.core.integration import Schedule
from jobs.bulk import Bulk
from jobs.queue import Doorbell, work_queue
from jobs.rows import Rows
from jobs.scheduler import SWEEP_ROWS, Scheduler


@contextmanager
def running(floor, tmp_path, schedules=(), redis_url=None, sweep=0.1, per_second=100):
    stop, rows = threading.Event(), Rows(floor.inbox, floor.relay)
    scheduler = Scheduler(
        floor.engine,
        floor.units,
        rows,
        Bulk(floor.units, rows, per_second=per_second),
        Doorbell(redis_url),
        schedules,
        sweep_seconds=sweep,
        settle_seconds=60,
        alive_file=tmp_path / "alive",
    )
    thread = threading.Thread(target=scheduler.run, args=(stop,))
    thread.start()
    try:
        yield thread
    finally:
        stop.set()
        thread.join(10)
        assert not thread.is_alive()


def eventually(check, seconds=5.0):
    deadline = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.02)


def backdate(floor, name, seconds):
    with floor.engine.begin() as connection:
        connection.execute(
            text("INSERT INTO schedules (name, started_at, finished_at) VALUES (:name,"
                 " clock_timestamp() - make_interval(secs => :s), clock_timestamp())"),
            {"name": name, "s": seconds},
        )  # fmt: skip


def test_only_one_leads_and_another_takes_over(floor, tmp_path):
    starts = []
    first = [Schedule("duty", 3600, lambda: starts.append("first"), at_start=True)]
    second = [Schedule("duty", 3600, lambda: starts.append("second"), at_start=True)]
    with running(floor, tmp_path, first):
        eventually(lambda: starts == ["first"])
        with running(floor, tmp_path, second):
            time.sleep(0.5)
            assert starts == ["first"]
    with running(floor, tmp_path, second):
        eventually(lambda: starts == ["first", "second"])


def test_a_leader_that_loses_its_connection_leads_again(floor, tmp_path):
    starts = []
    with running(floor, tmp_path, [Schedule("d", 3600, lambda: starts.append(1), at_start=True)]):
        eventually(lambda: len(starts) == 1)
        with floor.engine.begin() as connection:
            connection.execute(text(
                "SELECT pg_terminate_backend(pid) FROM pg_locks"
                " WHERE locktype = 'advisory' AND pid <> pg_backend_pid()"
            ))  # fmt: skip
        eventually(lambda: len(starts) == 2)


def test_a_missed_duty_is_caught_up_once(floor, tmp_path):
    starts = []
    backdate(floor, "hourly", 10 * 3600)
    backdate(floor, "fresh", 60)
    schedules = [
        Schedule("hourly", 3600, lambda: starts.append("hourly")),
        Schedule("fresh", 3600, lambda: starts.append("fresh")),
    ]
    with running(floor, tmp_path, schedules):
        eventually(lambda: starts)
        time.sleep(0.4)
    assert starts == ["hourly"]


def test_a_duty_cut_short_is_repeated_by_the_next_leader(floor, tmp_path):
    starts = []
    backdate(floor, "nightly", 60)
    with floor.engine.begin() as connection:
        connection.execute(text("UPDATE schedules SET finished_at = NULL"))
    with running(floor, tmp_path, [Schedule("nightly", 86400, lambda: starts.append(1))]):
        eventually(lambda: starts)
        time.sleep(0.3)
    assert starts == [1]


def test_a_failing_duty_is_kept_and_shown_and_ends_no_other(floor, tmp_path):
    def fail():
        raise RuntimeError("no such account")

    starts = []
    schedules = [Schedule("bad", 3600, fail), Schedule("good", 0.2, lambda: starts.append(1))]
    with running(floor, tmp_path, schedules):
        eventually(lambda: len(starts) >= 3)
    with floor.engine.connect() as connection:
        error = connection.execute(text("SELECT error FROM schedules WHERE name = 'bad'")).scalar()
    assert error == "RuntimeError: no such account"


def test_a_duty_never_runs_beside_itself(floor, tmp_path):
    inside, most = [0], [0]

    def work():
        inside[0] += 1
        most[0] = max(most[0], inside[0])
        time.sleep(0.4)
        inside[0] -= 1

    with running(floor, tmp_path, [Schedule("slow", 0.05, work)]):
        time.sleep(1.0)
    assert most[0] == 1


def test_without_redis_it_runs_the_rows_itself(floor, tmp_path):
    with running(floor, tmp_path, sweep=5):
        received, owed = floor.receive(), floor.owe("a")
        eventually(lambda: floor.row("inbox", received).state == "done")
        eventually(lambda: floor.row("outbox", owed).state == "done")


def test_without_redis_a_hanging_call_holds_up_no_other_lane(floor, tmp_path):
    go_on = threading.Event()
    floor.deliverer.answers = [lambda effect: go_on.wait(5)]
    slow = floor.owe("slow", lane="slow")
    with running(floor, tmp_path):
        eventually(lambda: floor.row("outbox", slow).state == "sending")
        others = [floor.owe(f"o{n}", lane=f"o{n}") for n in range(30)]
        eventually(lambda: all(floor.row("outbox", o).state == "done" for o in others))
        assert floor.row("outbox", slow).state == "sending"
        go_on.set()
        eventually(lambda: floor.row("outbox", slow).state == "done")


def test_a_blocked_lane_causes_no_busy_loop(floor, tmp_path):
    first, behind = floor.owe("a"), floor.owe("b")
    floor.deliverer.answers = [Uncertain("500")]
    floor.relay.run(first)
    with floor.engine.connect() as connection:
        count = text("SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()")
        flush = text("SELECT pg_stat_force_next_flush()")
        connection.execute(flush)
        connection.commit()
        before = connection.execute(count).scalar()
        connection.commit()
        with running(floor, tmp_path):
            time.sleep(1.5)
        connection.execute(flush)
        connection.commit()
        assert connection.execute(count).scalar() - before < 400
    assert floor.row("outbox", behind).state == "pending"


@pytest.mark.parametrize("table", ["inbox", "outbox"])
def test_a_long_queue_of_one_subject_does_not_starve_the_others(
    floor, tmp_path, redis_url, redis_client, table
):
    with floor.engine.begin() as connection:
        connection.execute(text("""
            INSERT INTO inbox
                (source, sender, type, subject, delivery_key, body_hash, state, due_at)
            SELECT 'test', 's', 'noted', 'thing:1', n::text, '', 'pending',
                   clock_timestamp() - interval '1 hour'
            FROM generate_series(1, :n) n"""), {"n": SWEEP_ROWS + 50})  # fmt: skip
        connection.execute(text("""
            INSERT INTO outbox (kind, mode, effect_key, destination, lane, body, due_at, created_at)
            SELECT 'shop.note', 'send', n::text, 'shop', 'long', '{}',
                   clock_timestamp() - interval '1 hour', clock_timestamp()
            FROM generate_series(1, :n) n"""), {"n": SWEEP_ROWS + 50})  # fmt: skip
    other = floor.receive("thing:2") if table == "inbox" else floor.owe("other", lane="other")
    floor.change(table, other, "due_at = clock_timestamp() - interval '2 s'")
    with running(floor, tmp_path, redis_url=redis_url, sweep=5):
        queue = work_queue(redis_client)
        eventually(lambda: queue.count)
        time.sleep(0.2)
    rung = [job.args[0 if table == "inbox" else 1] for job in queue.jobs]
    assert sorted(sum(rung, [])) == [1, other]


def test_with_redis_it_rings_for_what_was_forgotten_and_runs_nothing(
    floor, tmp_path, redis_url, redis_client
):
    forgotten, fresh = floor.receive("thing:1"), floor.receive("thing:2")
    floor.change("inbox", forgotten, "due_at = clock_timestamp() - interval '5 s'")
    with running(floor, tmp_path, redis_url=redis_url, sweep=5):
        eventually(lambda: work_queue(redis_client).count)
    assert [job.args for job in work_queue(redis_client).jobs] == [[[forgotten], []]]
    assert floor.row("inbox", fresh).state == "pending"
