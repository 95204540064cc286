"""The unit of work: one transaction, the events it recorded, and what to ring after it.

Only this module commits. A clean exit runs the reactions to recorded events, commits, then rings
the doorbell for new inbox and outbox rows; an exception rolls everything back and travels on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import InterfaceError, OperationalError, TimeoutError
from sqlalchemy.orm import Session

from crm.core import clock
from crm.core.events import Event, EventRow, announce, row_for

Reaction = Callable[["UnitOfWork", Event], None]
Reactions = Mapping[type[Event], Sequence[Reaction]]


def join(*tables: Reactions) -> Reactions:
    """One table of all; the reactions to an event run in the order of the tables."""
    joined: dict[type[Event], Sequence[Reaction]] = {}
    for table in tables:
        for event, functions in table.items():
            joined[event] = (*joined.get(event, ()), *functions)
    return joined


# The database went away, or asked for a retry. What a unit had begun then never happened, or its
# commit was lost on the way and shows when the work is repeated.
DATABASE_FAULTS = (OperationalError, InterfaceError, TimeoutError)

_open: ContextVar[int] = ContextVar("open_units", default=0)


class UnitOfWork:
    """One transaction on `connection`; `session` is the same transaction with objects.

    now: one moment for the whole unit. new_inbox, new_outbox: row ids to ring after the commit.
    is_bulk: what it owes is part of a mass and waits behind everything else.
    """

    def __init__(self, connection: Connection, reactions: Reactions):
        self.connection = connection
        self._session: Session | None = None
        self.now: datetime = clock.now()
        self.is_bulk = False
        self.new_inbox: list[int] = []
        self.new_outbox: list[int] = []
        self._reactions = reactions
        self._waiting: list[tuple[Event, EventRow]] = []
        self._at_hand: EventRow | None = None
        self._live: set[tuple[str, int]] = set()
        self._kept: list[Any] = []

    def keep(self, *rows: Any) -> None:
        """Hold rows that reactions will look up: the session forgets what nobody refers to."""
        self._kept.extend(rows)

    @property
    def session(self) -> Session:
        """Made when first asked for: taking in a webhook needs one statement and no objects."""
        if self._session is None:
            self._session = Session(self.connection, expire_on_commit=False)
        return self._session

    def record(self, event: Event) -> None:
        """Write the event and let every reaction to it run before the commit."""
        row = row_for(event, self.now)
        self.session.add(row)
        self._waiting.append((event, row))
        if event.is_live:
            self._live.add((event.subject_kind, event.subject_id))

    def react(self) -> None:
        """Run reactions until no event is left; a reaction may record further events."""
        while self._waiting:
            event, self._at_hand = self._waiting.pop(0)
            for reaction in self._reactions.get(type(event), ()):
                reaction(self, event)

    def event_id(self) -> int:
        """For a reaction: the number of the event it reacts to."""
        if self._at_hand is None:
            raise RuntimeError("only a reaction has an event at hand")
        self.session.flush()
        return self._at_hand.id

    def finish(self) -> None:
        """Run the reactions, write what is not written yet and announce live news."""
        self.react()
        if self._session is not None:
            self._session.flush()
        if self._live:
            announce(self.session, self._live)

    def close(self) -> None:
        if self._session is not None:
            self._session.close()


class Units:
    """Makes units of work. ring: called with (inbox ids, outbox ids) after a commit."""

    def __init__(
        self,
        engine: Engine,
        reactions: Reactions | None = None,
        ring: Callable[[list[int], list[int]], None] | None = None,
    ):
        self.engine = engine
        self._reactions = {} if reactions is None else reactions
        self._ring = ring

    @contextmanager
    def rehearse(self) -> Iterator[UnitOfWork]:
        """A unit of which nothing stays: what an act would cause can be read after `react()`."""
        token = _open.set(_open.get() + 1)
        try:
            with self.engine.connect() as connection:
                unit = UnitOfWork(connection, self._reactions)
                try:
                    yield unit
                finally:
                    unit.close()
                    connection.rollback()
        finally:
            _open.reset(token)

    @contextmanager
    def __call__(self) -> Iterator[UnitOfWork]:
        token = _open.set(_open.get() + 1)
        try:
            with self.engine.begin() as connection:
                unit = UnitOfWork(connection, self._reactions)
                try:
                    yield unit
                    unit.finish()
                finally:
                    unit.close()
        finally:
            _open.reset(token)
        if self._ring and (unit.new_inbox or unit.new_outbox):
            self._ring(unit.new_inbox, unit.new_outbox)


def refuse_inside_unit() -> None:
    """Called by every adapter before it uses the network: a transaction must never wait for it."""
    if _open.get():
        raise RuntimeError("an outside call was made while a unit of work is open")
