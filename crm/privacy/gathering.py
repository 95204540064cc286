"""Finds every row about one person by asking the schema, so that a new table is not forgotten.

From the customer on, whatever refers to a row that was found is found too: tickets and their
messages, repairs and their history, bookings, files. What names them without a foreign key (events,
messages, the audit log) is looked up by itself.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ForeignKeyConstraint, Table, and_, func, or_, select, tuple_

from crm.core.audit import AuditRow
from crm.core.db import Base
from crm.core.events import EventRow
from crm.core.uow import UnitOfWork
from crm.customers.models import CHATWOOT_CONTACT, Customer, CustomerKey
from crm.notifications.models import Notification

Row = dict[str, Any]
# Whose events tell about the person: kind of subject -> table.
SUBJECTS = {
    "customer": "customers", "ticket": "tickets", "repair": "repairs", "booking": "bookings",
    "conversation": "conversations", "file": "files", "notification": "notifications",
}  # fmt: skip


@dataclass
class Person:
    """rows: table -> primary key -> row. emails, phones: every one they are known by."""

    rows: dict[str, dict[tuple, Row]] = field(default_factory=lambda: defaultdict(dict))
    emails: set[str] = field(default_factory=set)
    phones: set[str] = field(default_factory=set)

    def of(self, table: str) -> list[Row]:
        return list(self.rows.get(table, {}).values())

    def ids(self, table: str) -> list[int]:
        return [row["id"] for row in self.of(table)]

    @property
    def refs(self) -> set[str]:
        return {
            row["ref"] for rows in self.rows.values() for row in rows.values() if row.get("ref")
        }

    @property
    def contacts(self) -> set[tuple[int, int]]:
        """(account id, contact id) in Chatwoot."""
        found = {(c["account_id"], c["contact_id"]) for c in self.of("conversations")
                 if c["contact_id"] is not None}  # fmt: skip
        for key in self.of("customer_keys"):
            if key["kind"] == CHATWOOT_CONTACT:
                account_id, _, contact_id = key["value"].partition(":")
                found.add((int(account_id), int(contact_id)))
        return found

    @property
    def addresses(self) -> set[str]:
        return self.emails | self.phones


def gather(uow: UnitOfWork, customer_id: int) -> Person:
    """customer_id: of the living one; those merged into it refer to it and are the same person."""
    person = Person()
    _follow(uow, person, _rows(uow, Customer.__table__, Customer.id == customer_id))
    _addresses(person)
    bookings = Base.metadata.tables["bookings"]
    # Drafts and bookings that were never proven belong to nobody yet, but name the person.
    theirs = and_(
        bookings.c.customer_id.is_(None),
        or_(
            func.lower(bookings.c.email).in_(person.emails),
            bookings.c.phone.in_(person.phones),
        ),
    )
    _follow(uow, person, _rows(uow, bookings, theirs))
    _follow(uow, person, _rows(uow, Notification.__table__, or_(
        Notification.repair_id.in_(person.ids("repairs")),
        Notification.booking_id.in_(person.ids("bookings")),
        *(Notification.event_key.startswith(f"booking:{number}:", autoescape=True)
          for number in person.ids("bookings")),
    )))  # fmt: skip
    _addresses(person)
    return person


def events_of(person: Person) -> Any:
    """The condition on `events` that picks those about the person."""
    return or_(
        *(and_(EventRow.subject_kind == kind, EventRow.subject_id.in_(person.ids(table)))
          for kind, table in SUBJECTS.items())
    )  # fmt: skip


def mentions_of(uow: UnitOfWork, person: Person) -> list[Row]:
    """The audit log's lines about the person."""
    return _rows(uow, AuditRow.__table__, AuditRow.target.in_(person.refs))


def rows_of_events(uow: UnitOfWork, person: Person) -> list[Row]:
    return _rows(uow, EventRow.__table__, events_of(person))


def _follow(uow: UnitOfWork, person: Person, found: list[Row]) -> None:
    """Take in what was found in one table, and everything that refers to it."""
    waiting = [found]
    while waiting:
        fresh = [
            row for row in waiting.pop() if _key(row) not in person.rows[row["__table__"].name]
        ]
        if not fresh:
            continue
        table: Table = fresh[0]["__table__"]
        for row in fresh:
            person.rows[table.name][_key(row)] = row
        for reference in _references(table):
            # Several columns may refer together: each alone would find other people's rows.
            values = {tuple(row[e.column.name] for e in reference.elements) for row in fresh}
            columns = tuple_(*(element.parent for element in reference.elements))
            waiting.append(_rows(uow, reference.table, columns.in_(values)))


def _references(table: Table) -> list[ForeignKeyConstraint]:
    """The foreign keys anywhere that refer to this table."""
    return [
        constraint
        for other in Base.metadata.sorted_tables
        for constraint in other.foreign_key_constraints
        if constraint.referred_table is table
    ]


def _rows(uow: UnitOfWork, table: Any, condition: Any) -> list[Row]:
    found = uow.session.execute(select(table).where(condition)).mappings()
    return [{**row, "__table__": table} for row in found]


def _key(row: Row) -> tuple:
    return tuple(row[column.name] for column in row["__table__"].primary_key)


def _addresses(person: Person) -> None:
    for row in (*person.of("customers"), *person.of("bookings")):
        if row["email"]:
            person.emails.add(row["email"].lower())
        if row["phone"]:
            person.phones.add(row["phone"])
    for key in person.of(CustomerKey.__tablename__):
        if key["kind"] == "email":
            person.emails.add(key["value"])
        elif key["kind"] == "phone":
            person.phones.add(key["value"])
