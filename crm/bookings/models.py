"""Tables of bookings, their devices, the capacity they take and the proofs of their guests."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Identity, Index, Integer, LargeBinary, Text, text
from sqlalchemy.dialects.postgresql import TSTZRANGE, ExcludeConstraint, Range
from sqlalchemy.orm import Mapped, mapped_column

from crm.core.db import Base

BENCH, TECHNICIAN = "bench", "technician"


class Booking(Base):
    """status: see `rules.BookingStatus`. name, email, phone: as the booker typed them.

    customer_id: known once the address was proven. starts_at: when the device is handed over;
    ends_at: when the work on it is due. minutes: of bench work. way, hand_over: how the device
    comes to us, and the address or parcel. services: chosen extras with the price they had.
    held_until: a pending booking keeps its slot until then. sequence: grows with every change of
    the calendar entry. invite_hash: of the location's invite that a guest gave.
    """

    __tablename__ = "bookings"
    __table_args__ = (
        Index("ix_bookings_starts_at", "location_id", "starts_at"),
        Index("ix_bookings_customer_id", "customer_id", "id"),
        Index("ix_bookings_conversation_id", "conversation_id", "id"),
        Index("ix_bookings_email", text("lower(email)"), "created_at"),
        Index("ix_bookings_phone", "phone", "created_at"),
        Index("ix_bookings_unproven", "held_until", postgresql_where=text("status = 'pending'")),
        Index("ix_bookings_drafts", "updated_at", postgresql_where=text("status = 'draft'")),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    ref: Mapped[str] = mapped_column(Text, unique=True)
    status: Mapped[str] = mapped_column(Text)
    customer_id: Mapped[int | None] = mapped_column(ForeignKey("customers.id"))
    location_id: Mapped[int] = mapped_column(ForeignKey("locations.id"))
    technician_id: Mapped[int | None] = mapped_column(ForeignKey("technicians.id"))
    conversation_id: Mapped[int | None] = mapped_column(ForeignKey("conversations.id"))
    name: Mapped[str] = mapped_column(Text, server_default="")
    email: Mapped[str | None] = mapped_column(Text)
    phone: Mapped[str | None] = mapped_column(Text)
    locale: Mapped[str | None] = mapped_column(Text)
    way: Mapped[str] = mapped_column(Text)
    hand_over: Mapped[dict] = mapped_column(server_default=text("'{}'"))
    services: Mapped[list] = mapped_column(server_default=text("'[]'"))
    fee_minor: Mapped[int] = mapped_column(BigInteger, server_default="0")
    currency: Mapped[str] = mapped_column(Text)
    note: Mapped[str] = mapped_column(Text, server_default="")
    starts_at: Mapped[datetime | None] = mapped_column()
    ends_at: Mapped[datetime | None] = mapped_column()
    minutes: Mapped[int] = mapped_column(Integer)
    sequence: Mapped[int] = mapped_column(Integer, server_default="0")
    held_until: Mapped[datetime | None] = mapped_column()
    by_guest: Mapped[bool] = mapped_column()
    invite_hash: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column()
    updated_at: Mapped[datetime] = mapped_column()


class BookedDevice(Base):
    """One device of a booking. model: None while it is not in the catalogue. classes: what a
    technician must know for it. problem: for its last line see `terms.py`. price_minor: of the
    estimate, None when there was none. repair_id: made at the check-in; finished_at: when its work
    was done."""

    __tablename__ = "booked_devices"

    booking_id: Mapped[int] = mapped_column(
        ForeignKey("bookings.id", ondelete="CASCADE"), primary_key=True
    )
    position: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    category: Mapped[str] = mapped_column(Text)
    model: Mapped[str | None] = mapped_column(Text)
    name: Mapped[str] = mapped_column(Text)
    classes: Mapped[list] = mapped_column()
    repair_types: Mapped[list] = mapped_column()
    minutes: Mapped[int] = mapped_column(Integer)
    problem: Mapped[str] = mapped_column(Text, server_default="")
    estimate_ref: Mapped[str | None] = mapped_column(Text)
    price_minor: Mapped[int | None] = mapped_column(BigInteger)
    repair_id: Mapped[int | None] = mapped_column(ForeignKey("repairs.id"), index=True)
    finished_at: Mapped[datetime | None] = mapped_column()


class Reservation(Base):
    """A bench or a technician is taken. The database refuses two of one at the same time.

    released_at: no longer taken since then, because the booking ended, moved or was not proven.
    """

    __tablename__ = "reservations"
    __table_args__ = (
        ExcludeConstraint(
            ("resource_kind", "="),
            ("resource_id", "="),
            ("during", "&&"),
            where=text("released_at IS NULL"),
            name="ex_reservations_overlap",
            using="gist",
        ),
        Index("ix_reservations_booking_id", "booking_id"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    booking_id: Mapped[int] = mapped_column(ForeignKey("bookings.id", ondelete="CASCADE"))
    resource_kind: Mapped[str] = mapped_column(Text)
    resource_id: Mapped[int] = mapped_column(BigInteger)
    during: Mapped[Range[datetime]] = mapped_column(TSTZRANGE)
    released_at: Mapped[datetime | None] = mapped_column()


class BookingProof(Base):
    """One code sent to a guest; the newest of a booking counts. channel: `email` or `phone`.

    tries: how many wrong codes were typed. used_at: the code was right.
    """

    __tablename__ = "booking_proofs"
    __table_args__ = (
        Index("ix_booking_proofs_booking_id", "booking_id", "id"),
        Index("ix_booking_proofs_address", "address", "created_at"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    booking_id: Mapped[int] = mapped_column(ForeignKey("bookings.id", ondelete="CASCADE"))
    channel: Mapped[str] = mapped_column(Text)
    address: Mapped[str] = mapped_column(Text)
    code_hash: Mapped[bytes] = mapped_column(LargeBinary)
    salt: Mapped[bytes] = mapped_column(LargeBinary)
    tries: Mapped[int] = mapped_column(Integer, server_default="0")
    expires_at: Mapped[datetime] = mapped_column()
    used_at: Mapped[datetime | None] = mapped_column()
    created_at: Mapped[datetime] = mapped_column()
