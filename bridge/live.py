"""Live news for open pages: one LISTEN connection a process, told on to every viewer in memory.

A page looks at a topic: a repair (`repair:17`), a person's notices (`notices:staff/3`), a customer
(`customer:5`). The database says only that there is news of one; what is new is read once and handed
to all who look at it. Each viewer holds the latest news alone, so a slow one costs no memory and
misses nothing that still matters. After a lost connection every watched topic is read again. The
stream itself is in `streams.py`. A viewer holds no connection to the database.
"""

from __future__ import annotations

import random
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace

import psycopg
import structlog
from flask import Flask
from sqlalchemy import Engine

from crm.core import events
from crm.core.uow import DATABASE_FAULTS

log = structlog.get_logger(__name__)

MOST_VIEWERS = 2000
MOST_PER_TOPIC = 100
READ_AT_ONCE = 2
# Between a few viewers and the next, requests that wait get their turn.
TOLD_AT_ONCE, BREATH_SECONDS = 5, 0.001
LOOK_SECONDS = 1.0
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.2, 10.0
# A database host that vanished is noticed although nobody writes to it.
_KEEPALIVES = {"keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3}
_NAME = "mendline-live"


@dataclass(frozen=True)
class News:
    """event_id: what a viewer names to resume; the same as long as nothing is new. message: what
    each of them is sent, ready made. as_of: when reading it began, on the process's own clock.
    """

    event_id: int
    message: bytes
    as_of: float = 0.0


# What is new of some topics of one kind, by what stands behind the colon.
Read = Callable[[Collection[str]], dict[str, News]]


class Full(Exception):
    """No more viewers here; the page asks again by itself."""


class Viewer:
    """One open page. news: the latest it was told."""

    __slots__ = ("_wake", "news", "topic")

    def __init__(self, topic: str):
        self.topic = topic
        self.news: News | None = None
        self._wake = threading.Event()

    def tell(self, news: News | None = None) -> None:
        """Wake it, with news or to look around. Two tellers may come in any order."""
        if news and (self.news is None or self.news.as_of <= news.as_of):
            self.news = news
        self._wake.set()

    def wait(self, seconds: float) -> None:
        """Until it is told something, at most that long."""
        self._wake.wait(seconds)
        self._wake.clear()


class Hub:
    """The viewers of one process. The listening thread lives as long as there are any."""

    def __init__(self, engine: Engine):
        url = engine.url.set(drivername="postgresql")
        self._address = url.render_as_string(hide_password=False)
        self._reads: dict[str, Read] = {}
        self._lock = threading.Lock()
        self._reading = threading.BoundedSemaphore(READ_AT_ONCE)
        self._viewers: dict[str, set[Viewer]] = defaultdict(set)
        self.count = 0
        self._thread: threading.Thread | None = None
        self.is_closed = False

    def add(self, kind: str, read: Read) -> None:
        """Topics of one more kind. read: one call for all that are looked at."""
        self._reads[kind] = read

    def join(self, topic: str) -> Viewer:
        """A viewer who has the latest news, or none where there is no such thing.

        Raises Full, DATABASE_FAULTS. Call `leave` in the end.
        """
        viewer = self._admit(topic)
        try:
            # Admitted before: what happens from here on is told anyway. After a restart all come at
            # once; they wait here, and leave the database's connections to others.
            with self._reading:
                viewer.tell(self._known(topic) or self._read([topic]).get(topic))
        except BaseException:
            self.leave(viewer)
            raise
        return viewer

    def _admit(self, topic: str) -> Viewer:
        with self._lock:
            beside = len(self._viewers.get(topic, ()))
            if self.is_closed or self.count >= MOST_VIEWERS or beside >= MOST_PER_TOPIC:
                raise Full
            viewer = Viewer(topic)
            self._viewers[topic].add(viewer)
            self.count += 1
            if self._thread is None:
                self._thread = threading.Thread(target=self._listen, name=_NAME, daemon=True)
                self._thread.start()
        return viewer

    def leave(self, viewer: Viewer) -> None:
        with self._lock:
            group = self._viewers.get(viewer.topic, set())
            if viewer in group:
                group.remove(viewer)
                self.count -= 1
            if not group:
                self._viewers.pop(viewer.topic, None)

    def close(self) -> None:
        """End every stream and take no new one: the process stops."""
        self.is_closed = True
        for viewer in self._of(self._watched()):
            viewer.tell()

    def refresh(self, topics: Collection[str]) -> None:
        """Read what is new of these topics and tell their viewers. Raises DATABASE_FAULTS."""
        news = self._read(topics)
        viewers = self._of(news)
        for start in range(0, len(viewers), TOLD_AT_ONCE):
            for viewer in viewers[start : start + TOLD_AT_ONCE]:
                viewer.tell(news[viewer.topic])
            time.sleep(BREATH_SECONDS)

    def _read(self, topics: Collection[str]) -> dict[str, News]:
        began = time.monotonic()
        keys = defaultdict(list)
        for topic in topics:
            kind, _, key = topic.partition(":")
            keys[kind].append(key)
        return {
            f"{kind}:{key}": replace(news, as_of=began)
            for kind, some in keys.items()
            for key, news in self._reads[kind](some).items()
        }

    def _known(self, topic: str) -> News | None:
        """What other viewers of the topic were told last; a newer notice reaches all of them."""
        return next((one.news for one in self._of([topic]) if one.news), None)

    def _watched(self) -> set[str]:
        with self._lock:
            return set(self._viewers)

    def _of(self, topics: Collection[str]) -> list[Viewer]:
        with self._lock:
            return [one for topic in topics for one in self._viewers.get(topic, ())]

    def _is_needed(self) -> bool:
        with self._lock:
            if self.count and not self.is_closed:
                return True
            self._thread = None
            return False

    def _listen(self) -> None:
        pause = FIRST_PAUSE_SECONDS
        while self._is_needed():
            try:
                with psycopg.connect(
                    self._address, autocommit=True, connect_timeout=5, **_KEEPALIVES
                ) as connection:
                    connection.execute(f"LISTEN {events.CHANNEL}")
                    self.refresh(self._watched())
                    pause = FIRST_PAUSE_SECONDS
                    self._hear(connection)
                return
            except (psycopg.OperationalError, *DATABASE_FAULTS) as error:
                log.warning("live updates interrupted", error=type(error).__name__)
                time.sleep(pause * random.uniform(0.5, 1.0))
                pause = min(2 * pause, LONGEST_PAUSE_SECONDS)

    def _hear(self, connection: psycopg.Connection) -> None:
        while self._is_needed():
            notices = connection.notifies(timeout=LOOK_SECONDS, stop_after=1)
            heard = [notice.payload for notice in notices]
            self.refresh({one for one in self._watched() if _is_about(heard, one)})


def _is_about(heard: Collection[str], topic: str) -> bool:
    """The number 0 stands for all topics of a kind."""
    return topic in heard or f"{topic.partition(':')[0]}:0" in heard


def init_app(app: Flask, engine: Engine) -> None:
    app.extensions[_NAME] = Hub(engine)


def close(app: Flask) -> None:
    """For the server: end the streams of an application that has any."""
    if _NAME in app.extensions:
        of(app).close()


def of(app: Flask) -> Hub:
    return app.extensions[_NAME]
