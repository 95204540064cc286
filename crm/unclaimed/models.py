"""Tables of what was done about devices that nobody collected."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import BigInteger, Date, ForeignKey, Identity, Index, Text
from sqlalchemy.orm import Mapped, mapped_column

from crm.core.db import Base


class UnclaimedStep(Base):
    """One step, done once for each time the device became ready.

    step: see `rules.Step`. ready_at: of the repair's status; its clock counts from there.
    is_skipped: a later reminder took its place.
    """

    __tablename__ = "unclaimed_steps"
    __table_args__ = (
        Index("uq_unclaimed_steps_step", "repair_id", "ready_at", "step", unique=True),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    repair_id: Mapped[int] = mapped_column(ForeignKey("repairs.id"))
    ready_at: Mapped[datetime] = mapped_column()
    step: Mapped[str] = mapped_column(Text)
    is_skipped: Mapped[bool] = mapped_column()
    done_at: Mapped[datetime] = mapped_column()


class UnclaimedLetter(Base):
    """Proof that a letter was sent, once for each time the device became ready.

    step: see `data/<country>.yaml`. how: `post recorded_post hand`. owed_minor: as the letter said,
    None when it was not known. sell_on: named in the letter as the first day of a sale.
    """

    __tablename__ = "unclaimed_letters"
    __table_args__ = (
        Index("uq_unclaimed_letters_step", "repair_id", "ready_at", "step", unique=True),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    repair_id: Mapped[int] = mapped_column(ForeignKey("repairs.id"))
    ready_at: Mapped[datetime] = mapped_column()
    step: Mapped[str] = mapped_column(Text)
    how: Mapped[str] = mapped_column(Text)
    sent_on: Mapped[date] = mapped_column(Date)
    reference: Mapped[str] = mapped_column(Text)
    owed_minor: Mapped[int | None] = mapped_column(BigInteger)
    sell_on: Mapped[date | None] = mapped_column(Date)
    recorded_at: Mapped[datetime] = mapped_column()
    recorded_by: Mapped[str] = mapped_column(Text)
