"""Tables of loan devices and of what was lent to whom: a loan belongs to a repair."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import BigInteger, CheckConstraint, Date, ForeignKey, Identity, Index, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from crm.core.db import Base


class LoanDevice(Base):
    """serial: IMEI or serial number as typed. is_active: may be lent."""

    __tablename__ = "loan_devices"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    name: Mapped[str] = mapped_column(Text)
    serial: Mapped[str] = mapped_column(Text, server_default="")
    condition: Mapped[str] = mapped_column(Text, server_default="")
    is_active: Mapped[bool] = mapped_column(server_default=text("true"))
    created_at: Mapped[datetime] = mapped_column()


class Loan(Base):
    """Open while returned_at is None; the database keeps a device to one open loan.

    due_on: a day of the shop's calendar. waived_at: the repair may be handed over although the
    loan is open; the device is still out.
    """

    __tablename__ = "loans"
    __table_args__ = (
        CheckConstraint("num_nulls(returned_at, returned_by) IN (0, 2)", name="returned"),
        CheckConstraint("num_nulls(waived_at, waived_by, waiver_reason) IN (0, 3)", name="waived"),
        Index("uq_loans_open", "device_id", unique=True,
              postgresql_where=text("returned_at IS NULL")),
        Index("ix_loans_repair_id", "repair_id", "id"),
        Index("ix_loans_due_on", "due_on", "id"),
    )  # fmt: skip

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    device_id: Mapped[int] = mapped_column(ForeignKey("loan_devices.id"))
    repair_id: Mapped[int] = mapped_column(ForeignKey("repairs.id"))
    due_on: Mapped[date] = mapped_column(Date)
    condition_out: Mapped[str] = mapped_column(Text)
    note_out: Mapped[str] = mapped_column(Text, server_default="")
    lent_at: Mapped[datetime] = mapped_column()
    lent_by: Mapped[str] = mapped_column(Text)
    condition_back: Mapped[str] = mapped_column(Text, server_default="")
    note_back: Mapped[str] = mapped_column(Text, server_default="")
    returned_at: Mapped[datetime | None] = mapped_column()
    returned_by: Mapped[str | None] = mapped_column(Text)
    waived_at: Mapped[datetime | None] = mapped_column()
    waived_by: Mapped[str | None] = mapped_column(Text)
    waiver_reason: Mapped[str | None] = mapped_column(Text)
