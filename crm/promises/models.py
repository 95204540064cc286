"""Table of promises that slipped: one row per repair and promised day."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import BigInteger, Date, ForeignKey, Identity, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from crm.core.db import Base


class DelayAlert(Base):
    """Staff were told that the promised day will be missed; never twice for the same day.

    expected_on: the day that is safe now. reason: a likely `DelayReason`. told_at: when the
    customer was told of the delay; is_automatic: by the service itself.
    """

    __tablename__ = "delay_alerts"
    __table_args__ = (UniqueConstraint("repair_id", "promised_on"),)

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    repair_id: Mapped[int] = mapped_column(ForeignKey("repairs.id"))
    promised_on: Mapped[date] = mapped_column(Date)
    expected_on: Mapped[date] = mapped_column(Date)
    reason: Mapped[str] = mapped_column(Text)
    told_at: Mapped[datetime | None] = mapped_column()
    is_automatic: Mapped[bool] = mapped_column()
    created_at: Mapped[datetime] = mapped_column()
