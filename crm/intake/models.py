"""Tables of intake records and checklists, one of each kind per repair."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    Text,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from crm.core.db import Base


class Intake(Base):
    """imei: 15 digits. serial: capitals, no blanks. condition: see `rules.Condition`; None until
    somebody looked at the device. device_class: whose checklist is used."""

    __tablename__ = "intakes"
    __table_args__ = (
        Index("ix_intakes_imei", "imei", "repair_id", postgresql_where=text("imei IS NOT NULL")),
        Index(
            "ix_intakes_serial", "serial", "repair_id", postgresql_where=text("serial IS NOT NULL")
        ),
    )

    repair_id: Mapped[int] = mapped_column(
        BigInteger, ForeignKey("repairs.id"), primary_key=True, autoincrement=False
    )
    device_class: Mapped[str] = mapped_column(Text)
    imei: Mapped[str | None] = mapped_column(Text)
    serial: Mapped[str | None] = mapped_column(Text)
    accessories: Mapped[list] = mapped_column(server_default=text("'[]'"))
    condition: Mapped[str | None] = mapped_column(Text)
    condition_notes: Mapped[str] = mapped_column(Text, server_default="")
    opened_by: Mapped[str] = mapped_column(Text)
    opened_at: Mapped[datetime] = mapped_column()
    updated_at: Mapped[datetime] = mapped_column()


class Checklist(Base):
    """One stage of a repair's checklist. stage: `before` or `after` the work.

    version: of the list it was copied from. finished_at: when its last item was answered.
    waived_at: a manager let the repair pass without it.
    """

    __tablename__ = "checklists"
    __table_args__ = (
        CheckConstraint("num_nulls(waived_at, waived_by, waived_because) IN (0, 3)", name="waived"),
    )

    repair_id: Mapped[int] = mapped_column(
        BigInteger, ForeignKey("repairs.id"), primary_key=True, autoincrement=False
    )
    stage: Mapped[str] = mapped_column(Text, primary_key=True)
    version: Mapped[int] = mapped_column(Integer)
    finished_at: Mapped[datetime | None] = mapped_column()
    waived_at: Mapped[datetime | None] = mapped_column()
    waived_by: Mapped[str | None] = mapped_column(Text)
    waived_because: Mapped[str | None] = mapped_column(Text)


class ChecklistItem(Base):
    """One question with its answer. words: locale -> as it was asked, whatever the list says today."""

    __tablename__ = "checklist_items"
    __table_args__ = (
        ForeignKeyConstraint(
            ["repair_id", "stage"],
            ["checklists.repair_id", "checklists.stage"],
            ondelete="CASCADE",
        ),
        CheckConstraint("num_nulls(result, answered_by, answered_at) IN (0, 3)", name="answered"),
    )

    repair_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    stage: Mapped[str] = mapped_column(Text, primary_key=True)
    slug: Mapped[str] = mapped_column(Text, primary_key=True)
    position: Mapped[int] = mapped_column(Integer)
    words: Mapped[dict] = mapped_column()
    result: Mapped[str | None] = mapped_column(Text)
    note: Mapped[str] = mapped_column(Text, server_default="")
    answered_by: Mapped[str | None] = mapped_column(Text)
    answered_at: Mapped[datetime | None] = mapped_column()
