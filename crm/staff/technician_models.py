"""Tables of technicians: what they can do and when they work."""

from __future__ import annotations

from datetime import date, datetime, time

from sqlalchemy import BigInteger, Date, ForeignKey, Identity, Index, Integer, Text, Time, text
from sqlalchemy.orm import Mapped, mapped_column

from crm.core.db import Base

ANY_DEVICE = "any"


class Technician(Base):
    """skills: category slugs, device families or `any`. staff_id: their sign-in, if any."""

    __tablename__ = "technicians"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    name: Mapped[str] = mapped_column(Text)
    staff_id: Mapped[int | None] = mapped_column(ForeignKey("staff.id"), unique=True)
    skills: Mapped[list] = mapped_column(server_default=text("'[]'"))
    feed_hash: Mapped[str | None] = mapped_column(Text, unique=True)
    is_active: Mapped[bool] = mapped_column(server_default=text("true"))
    created_at: Mapped[datetime] = mapped_column()


class Shift(Base):
    """Every week, in the wall clock of the location. weekday: 0 is Monday. ends_at: 00:00 is the
    end of the day."""

    __tablename__ = "shifts"
    __table_args__ = (
        Index("ix_shifts_technician_id", "technician_id"),
        Index("ix_shifts_location_id", "location_id"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    technician_id: Mapped[int] = mapped_column(ForeignKey("technicians.id", ondelete="CASCADE"))
    location_id: Mapped[int] = mapped_column(ForeignKey("locations.id"))
    weekday: Mapped[int] = mapped_column(Integer)
    starts_at: Mapped[time] = mapped_column(Time)
    ends_at: Mapped[time] = mapped_column(Time)


class ShiftException(Base):
    """One day that differs: the weekly shifts of that day do not count. Without a location and
    times the technician is away."""

    __tablename__ = "shift_exceptions"

    technician_id: Mapped[int] = mapped_column(
        ForeignKey("technicians.id", ondelete="CASCADE"), primary_key=True
    )
    day: Mapped[date] = mapped_column(Date, primary_key=True)
    location_id: Mapped[int | None] = mapped_column(ForeignKey("locations.id"))
    starts_at: Mapped[time | None] = mapped_column(Time)
    ends_at: Mapped[time | None] = mapped_column(Time)
