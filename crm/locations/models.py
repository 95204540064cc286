"""Tables of locations, their opening hours, closed days and benches."""

from __future__ import annotations

from datetime import date, datetime, time

from sqlalchemy import (
    BigInteger,
    Date,
    ForeignKey,
    Identity,
    Index,
    Integer,
    Text,
    Time,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from crm.core.db import Base


class Location(Base):
    """timezone: IANA name; opening hours are its wall clock.

    lead_minutes: a slot starts no sooner than this from now. grid_minutes: slots start at multiples
    of this from opening. horizon_days: how far ahead may be booked. ways: hand-over way -> fee in
    minor units; ways that are not there are not offered. services: extra services, a list of
    {slug, name, price_minor, minutes}. invite_hash: where it is set, guests need the code.
    requires_intake: a check-in opens the intake record and its checklists by itself. sms_from: who
    its text messages come from, None: the shop's own sender.
    """

    __tablename__ = "locations"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    slug: Mapped[str] = mapped_column(Text, unique=True)
    name: Mapped[str] = mapped_column(Text)
    timezone: Mapped[str] = mapped_column(Text)
    address: Mapped[str] = mapped_column(Text, server_default="")
    lead_minutes: Mapped[int] = mapped_column(Integer)
    grid_minutes: Mapped[int] = mapped_column(Integer)
    horizon_days: Mapped[int] = mapped_column(Integer)
    ways: Mapped[dict] = mapped_column()
    services: Mapped[list] = mapped_column(server_default=text("'[]'"))
    invite_hash: Mapped[str | None] = mapped_column(Text)
    feed_hash: Mapped[str | None] = mapped_column(Text, unique=True)
    requires_intake: Mapped[bool] = mapped_column(server_default=text("false"))
    sms_from: Mapped[str | None] = mapped_column(Text)
    is_active: Mapped[bool] = mapped_column(server_default=text("true"))
    created_at: Mapped[datetime] = mapped_column()


class OpeningHours(Base):
    """weekday: 0 is Monday. closes_at: 00:00 is the end of the day."""

    __tablename__ = "location_hours"
    __table_args__ = (Index("ix_location_hours_location_id", "location_id"),)

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    location_id: Mapped[int] = mapped_column(ForeignKey("locations.id", ondelete="CASCADE"))
    weekday: Mapped[int] = mapped_column(Integer)
    opens_at: Mapped[time] = mapped_column(Time)
    closes_at: Mapped[time] = mapped_column(Time)


class Closure(Base):
    """A day the location is closed whatever its opening hours say."""

    __tablename__ = "location_closures"

    location_id: Mapped[int] = mapped_column(
        ForeignKey("locations.id", ondelete="CASCADE"), primary_key=True
    )
    closed_on: Mapped[date] = mapped_column(Date, primary_key=True)
    reason: Mapped[str] = mapped_column(Text, server_default="")


class Bench(Base):
    """A place to work at; it takes one job at a time."""

    __tablename__ = "benches"
    __table_args__ = (UniqueConstraint("location_id", "name"),)

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    location_id: Mapped[int] = mapped_column(ForeignKey("locations.id"))
    name: Mapped[str] = mapped_column(Text)
    is_active: Mapped[bool] = mapped_column(server_default=text("true"))
