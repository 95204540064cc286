"""The doorbell: never the truth, never in the way."""

import socket
import threading
import time

from jobs.queue import ROWS_PER_JOB, Doorbell, work_queue


def jobs(redis_client):
    return [tuple(map(tuple, job.args)) for job in work_queue(redis_client).jobs]


def test_a_ring_puts_row_ids_into_redis(redis_url, redis_client):
    Doorbell(redis_url).ring([1, 2], [3])
    assert jobs(redis_client) == [((1, 2), (3,))]


def test_gathered_rings_become_few_jobs_and_none_is_lost(redis_url, redis_client):
    bell = Doorbell(redis_url, delay_seconds=0.1)
    for number in range(50):
        bell.ring([number], [])
    deadline = time.monotonic() + 5
    while work_queue(redis_client).count < 3 and time.monotonic() < deadline:
        time.sleep(0.02)
    rung = jobs(redis_client)
    assert sorted(number for inbox, _ in rung for number in inbox) == list(range(50))
    assert len(rung) <= 50 / ROWS_PER_JOB + 2


def test_many_threads_ring_at_once(redis_url, redis_client):
    bell, start = Doorbell(redis_url), threading.Barrier(8)

    def ring(first):
        start.wait()
        for number in range(first, first + 25):
            bell.ring([number], [])

    threads = [threading.Thread(target=ring, args=(n * 25,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    rung = [number for inbox, _ in jobs(redis_client) for number in inbox]
    assert sorted(rung) == list(range(200))


def test_without_redis_it_is_silent():
    bell = Doorbell(None)
    bell.ring([1], [])
    assert bell.backlog() is None


def test_a_redis_that_refuses_costs_no_time(tmp_path):
    bell = Doorbell(f"unix://{tmp_path}/nobody.sock")
    started = time.monotonic()
    for number in range(20):
        bell.ring([number], [])
    assert time.monotonic() - started < 0.2
    assert bell.backlog() is None


def test_a_redis_that_never_answers_slows_nobody_by_more_than_100_ms():
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        url = f"redis://127.0.0.1:{deaf.getsockname()[1]}/0"
        started = time.monotonic()
        Doorbell(url, delay_seconds=0.02).ring([1], [])
        assert time.monotonic() - started < 0.05
        bell = Doorbell(url)
        started = time.monotonic()
        for number in range(5):
            bell.ring([number], [])
        assert time.monotonic() - started < 0.25
