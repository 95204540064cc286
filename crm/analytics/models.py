"""Table of finished steps."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Identity, Index, Text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from crm.core.db import Base
from crm.repairs.models import Repair


class RepairStep(Base):
    """One stage of a repair, from reaching `status` to leaving it for `to_status`.

    entry_id: the line of the history that ended it. technician: who had the repair until then, as
    it was written; technician_id: the technician of that name, if there is one. actor: who said so.
    """

    __tablename__ = "repair_steps"
    __table_args__ = (
        Index("ix_repair_steps_repair_id", "repair_id", "id"),
        Index("ix_repair_steps_finished_at", "finished_at", "id"),
        Index("ix_repair_steps_technician_id", "technician_id", "id"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    entry_id: Mapped[int] = mapped_column(ForeignKey("repair_history.id"), unique=True)
    repair_id: Mapped[int] = mapped_column(ForeignKey("repairs.id"))
    status: Mapped[str] = mapped_column(Text)
    to_status: Mapped[str] = mapped_column(Text)
    technician_id: Mapped[int | None] = mapped_column(ForeignKey("technicians.id"))
    technician: Mapped[str | None] = mapped_column(Text)
    actor_kind: Mapped[str] = mapped_column(Text)
    actor_name: Mapped[str] = mapped_column(Text)
    started_at: Mapped[datetime] = mapped_column()
    finished_at: Mapped[datetime] = mapped_column()
    repair: Mapped[Repair] = relationship(viewonly=True, lazy="raise")
