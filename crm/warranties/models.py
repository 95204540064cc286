"""Tables of warranty lines and of repairs that came back under them."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import BigInteger, Date, ForeignKey, Index, Text
from sqlalchemy.orm import Mapped, mapped_column

from crm.core.db import Base


class WarrantyLine(Base):
    """What was done to a device, and until when work and part are warranted; None: they are not.

    slug: a repair type of the catalogue, or `repair` where nothing closer is known. started_on: the
    day of handing over. A line is written once and never starts again.
    """

    __tablename__ = "warranty_lines"

    repair_id: Mapped[int] = mapped_column(ForeignKey("repairs.id"), primary_key=True)
    slug: Mapped[str] = mapped_column(Text, primary_key=True)
    technician: Mapped[str | None] = mapped_column(Text)
    started_on: Mapped[date] = mapped_column(Date)
    work_until: Mapped[date | None] = mapped_column(Date)
    part_until: Mapped[date | None] = mapped_column(Date)


class ComeBack(Base):
    """A repair of what an earlier one did. original_id: the first of them, never a come-back."""

    __tablename__ = "come_backs"
    __table_args__ = (Index("ix_come_backs_original_id", "original_id", "repair_id"),)

    repair_id: Mapped[int] = mapped_column(
        BigInteger, ForeignKey("repairs.id"), primary_key=True, autoincrement=False
    )
    original_id: Mapped[int] = mapped_column(ForeignKey("repairs.id"))
    lines: Mapped[list] = mapped_column()
    reason: Mapped[str] = mapped_column(Text)
    at: Mapped[datetime] = mapped_column()
