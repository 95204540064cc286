"""The sender of load: keep-alive connections on raw sockets, in a process of its own.

It does next to nothing per request, so that what it measures is the server. A paced run counts
each answer's time from the moment its request was due, so a stalled server cannot hide behind
requests that were never sent.
"""

from __future__ import annotations

import multiprocessing
import re
import selectors
import socket
import time
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field

from bench import bodies
from bench.bodies import Thread

SILENCE_SECONDS = 30.0
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


@dataclass(frozen=True)
class Traffic:
    """count messages with ids from first_id on, spread evenly over the threads, in order.

    per_second: None sends as fast as the connections allow, everything signed beforehand.
    """

    port: int
    secret: str = field(repr=False)
    threads: tuple[Thread, ...]
    first_id: int
    count: int
    connections: int = 32
    per_second: float | None = None

    def requests(self) -> Iterator[bytes]:
        for number in range(self.count):
            thread = self.threads[number * len(self.threads) // self.count]
            body = bodies.message_created(thread, self.first_id + number)
            yield bodies.request(self.port, body, self.secret)


@dataclass(frozen=True)
class Outcome:
    """elapsed: seconds from the first request to the last answer. waits: seconds of each answer."""

    statuses: Counter[int]
    waits: list[float]
    elapsed: float

    @property
    def per_second(self) -> float:
        return len(self.waits) / self.elapsed


def send(traffic: Traffic) -> Outcome:
    """Send it from another process and wait for the outcome."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as process:
        return process.submit(_send_here, traffic).result()


def _send_here(traffic: Traffic) -> Outcome:
    requests: Iterable[bytes] = traffic.requests()
    if traffic.per_second is None:
        requests = list(requests)
    lanes = [_Lane(traffic.port) for _ in range(traffic.connections)]
    try:
        return _run(requests, lanes, traffic.per_second)
    finally:
        for lane in lanes:
            lane.socket.close()


class _Lane:
    """One connection with at most one request on its way."""

    def __init__(self, port: int):
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.since = 0.0
        self._answer = b""

    def send(self, request: bytes, since: float) -> None:
        self.since = since
        self._answer = b""
        self.socket.sendall(request)

    def receive(self) -> int | None:
        """The status once the whole answer is there. Raises ConnectionError when it is cut."""
        chunk = self.socket.recv(65536)
        if not chunk:
            raise ConnectionError("the server closed a connection")
        self._answer += chunk
        head, end, body = self._answer.partition(b"\r\n\r\n")
        if not end or len(body) < int(_LENGTH.search(head)[1]):
            return None
        return int(head[9:12])


def _run(requests: Iterable[bytes], lanes: list[_Lane], per_second: float | None) -> Outcome:
    statuses: Counter[int] = Counter()
    waits: list[float] = []
    waiting = enumerate(requests)
    idle, busy = deque(lanes), 0
    with selectors.DefaultSelector() as selector:
        for lane in lanes:
            selector.register(lane.socket, selectors.EVENT_READ, lane)
        started = time.perf_counter()
        upcoming = next(waiting, None)
        while upcoming or busy:
            pause = SILENCE_SECONDS
            while upcoming and idle:
                now = time.perf_counter()
                due = started + upcoming[0] / per_second if per_second else now
                if due > now:
                    pause = due - now
                    break
                idle[0].send(upcoming[1], due)
                idle.popleft()
                busy += 1
                upcoming = next(waiting, None)
            ready = selector.select(pause)
            if not ready and pause == SILENCE_SECONDS:
                raise TimeoutError(f"no answer for {SILENCE_SECONDS:g} seconds")
            for key, _ in ready:
                status = key.data.receive()
                if status is not None:
                    statuses[status] += 1
                    waits.append(time.perf_counter() - key.data.since)
                    idle.append(key.data)
                    busy -= 1
        return Outcome(statuses, waits, time.perf_counter() - started)
