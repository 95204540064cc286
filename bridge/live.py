"""Live news for open pages: one LISTEN connection a process, told on to every viewer in memory.

A notice says only that there is news of a repair; what is new is read once and handed to all who
look at it. Each viewer holds the latest news alone, so a slow one costs no memory and misses nothing
that still matters. After a lost connection every watched repair is read again. The stream itself is
in `pages/stream.py`. A viewer holds no connection to the database.
"""

from __future__ import annotations

import random
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Collection
from dataclasses import dataclass

import psycopg
import structlog
from flask import Flask
from sqlalchemy import Engine

from crm.core import events
from crm.core.uow import DATABASE_FAULTS

log = structlog.get_logger(__name__)

MOST_VIEWERS = 2000
MOST_PER_REPAIR = 100
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
    """event_id: of the repair's latest event; what a viewer names to resume. message: what each of
    them is sent, ready made.
    """

    event_id: int
    message: bytes


Read = Callable[[Collection[int]], dict[int, News]]


class Full(Exception):
    """No more viewers here; the page asks again by itself."""


class Viewer:
    """One open page. news: the latest it was told."""

    __slots__ = ("_wake", "news", "repair_id")

    def __init__(self, repair_id: int):
        self.repair_id = repair_id
        self.news: News | None = None
        self._wake = threading.Event()

    def tell(self, news: News | None = None) -> None:
        """Wake it, with news or to look around. Two tellers may come in any order."""
        if news and (self.news is None or self.news.event_id < news.event_id):
            self.news = news
        self._wake.set()

    def wait(self, seconds: float) -> None:
        """Until it is told something, at most that long."""
        self._wake.wait(seconds)
        self._wake.clear()


class Hub:
    """The viewers of one process. read: what is new of some repairs, one call for all.

    The listening thread lives as long as there are viewers.
    """

    def __init__(self, engine: Engine, read: Read):
        url = engine.url.set(drivername="postgresql")
        self._address = url.render_as_string(hide_password=False)
        self._read = read
        self._lock = threading.Lock()
        self._reading = threading.BoundedSemaphore(READ_AT_ONCE)
        self._viewers: dict[int, set[Viewer]] = defaultdict(set)
        self.count = 0
        self._thread: threading.Thread | None = None
        self.is_closed = False

    def join(self, repair_id: int) -> Viewer:
        """A viewer who has the latest news, or none where there is no such repair.

        Raises Full, DATABASE_FAULTS. Call `leave` in the end.
        """
        viewer = self._admit(repair_id)
        try:
            # Admitted before: what happens from here on is told anyway. After a restart all come at
            # once; they wait here, and leave the database's connections to others.
            with self._reading:
                viewer.tell(self._known(repair_id) or self._read([repair_id]).get(repair_id))
        except BaseException:
            self.leave(viewer)
            raise
        return viewer

    def _admit(self, repair_id: int) -> Viewer:
        with self._lock:
            beside = len(self._viewers.get(repair_id, ()))
            if self.is_closed or self.count >= MOST_VIEWERS or beside >= MOST_PER_REPAIR:
                raise Full
            viewer = Viewer(repair_id)
            self._viewers[repair_id].add(viewer)
            self.count += 1
            if self._thread is None:
                self._thread = threading.Thread(target=self._listen, name=_NAME, daemon=True)
                self._thread.start()
        return viewer

    def leave(self, viewer: Viewer) -> None:
        with self._lock:
            group = self._viewers.get(viewer.repair_id, set())
            if viewer in group:
                group.remove(viewer)
                self.count -= 1
            if not group:
                self._viewers.pop(viewer.repair_id, None)

    def close(self) -> None:
        """End every stream and take no new one: the process stops."""
        self.is_closed = True
        for viewer in self._of(self._watched()):
            viewer.tell()

    def refresh(self, repair_ids: Collection[int]) -> None:
        """Read what is new of these repairs and tell their viewers. Raises DATABASE_FAULTS."""
        news = self._read(repair_ids) if repair_ids else {}
        viewers = self._of(news)
        for start in range(0, len(viewers), TOLD_AT_ONCE):
            for viewer in viewers[start : start + TOLD_AT_ONCE]:
                viewer.tell(news[viewer.repair_id])
            time.sleep(BREATH_SECONDS)

    def _known(self, repair_id: int) -> News | None:
        """What other viewers of the repair were told last; a newer notice reaches all of them."""
        return next((one.news for one in self._of([repair_id]) if one.news), None)

    def _watched(self) -> set[int]:
        with self._lock:
            return set(self._viewers)

    def _of(self, repair_ids: Collection[int]) -> list[Viewer]:
        with self._lock:
            return [one for key in repair_ids for one in self._viewers.get(key, ())]

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
            about = {_repair_id(notice.payload) for notice in notices}
            self.refresh(about & self._watched())


def _repair_id(payload: str) -> int | None:
    kind, _, subject_id = payload.partition(":")
    return int(subject_id) if kind == "repair" else None


def put(app: Flask, hub: Hub) -> None:
    app.extensions[_NAME] = hub


def close(app: Flask) -> None:
    """For the server: end the streams of an application that has any."""
    if _NAME in app.extensions:
        of(app).close()


def of(app: Flask) -> Hub:
    return app.extensions[_NAME]
