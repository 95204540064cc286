"""Tables of notices to staff, and of who has read them."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Identity, Index, Text
from sqlalchemy.orm import Mapped, mapped_column

from crm.core.db import Base


class Notice(Base):
    """One for each told event, by `event_key`. It is about records and names no person itself.

    role: the least role that sees it; `viewer` is everybody. staff_id: the one person it is for
    instead. about: references, amounts and moments that its words are made of when it is shown.
    """

    __tablename__ = "notices"
    __table_args__ = (
        Index("ix_notices_at", "at"),
        Index("ix_notices_staff_id", "staff_id"),
        Index("ix_notices_customer_id", "customer_id"),
        Index("ix_notices_repair_id", "repair_id"),
        Index("ix_notices_ticket_id", "ticket_id"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    event_key: Mapped[str] = mapped_column(Text, unique=True)
    kind: Mapped[str] = mapped_column(Text)
    role: Mapped[str] = mapped_column(Text)
    staff_id: Mapped[int | None] = mapped_column(ForeignKey("staff.id", ondelete="CASCADE"))
    customer_id: Mapped[int | None] = mapped_column(ForeignKey("customers.id"))
    repair_id: Mapped[int | None] = mapped_column(ForeignKey("repairs.id"))
    ticket_id: Mapped[int | None] = mapped_column(ForeignKey("tickets.id"))
    about: Mapped[dict] = mapped_column()
    at: Mapped[datetime] = mapped_column()


class NoticeRead(Base):
    """reader: `staff/<id>` or `key/<id>`."""

    __tablename__ = "notice_reads"
    __table_args__ = (Index("ix_notice_reads_reader", "reader", "read_at"),)

    notice_id: Mapped[int] = mapped_column(
        ForeignKey("notices.id", ondelete="CASCADE"), primary_key=True
    )
    reader: Mapped[str] = mapped_column(Text, primary_key=True)
    read_at: Mapped[datetime] = mapped_column()
