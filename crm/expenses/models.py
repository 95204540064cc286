"""The table of expenses."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import BigInteger, CheckConstraint, Date, ForeignKey, Identity, Index, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from crm.core.db import Base

KINDS = ("part", "courier", "subcontract", "other")


class Expense(Base):
    """Money the shop paid to others. It counts until it is voided, and is never deleted.

    repair_id, customer_id: whom it is for; a repair knows its own customer, so never both, and
    neither for what the shop spends at large. amount_minor: gross; tax_minor: the part of it that
    the shop reclaims. spent_on: a day of the shop's calendar. file_id: a picture of the receipt,
    filed with the repair.
    """

    __tablename__ = "expenses"
    __table_args__ = (
        CheckConstraint("kind IN ('part', 'courier', 'subcontract', 'other')", name="kind"),
        CheckConstraint("amount_minor > 0", name="amount"),
        CheckConstraint("tax_minor BETWEEN 0 AND amount_minor", name="tax"),
        CheckConstraint("num_nonnulls(repair_id, customer_id) <= 1", name="one_subject"),
        CheckConstraint("num_nulls(voided_at, voided_by, void_reason) IN (0, 3)", name="voided"),
        Index("ix_expenses_spent_on", "spent_on", "id"),
        Index("ix_expenses_repair_id", "repair_id", "id"),
        Index("ix_expenses_customer_id", "customer_id", "id"),
        Index("ix_expenses_file_id", "file_id",
              postgresql_where=text("file_id IS NOT NULL")),
    )  # fmt: skip

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    repair_id: Mapped[int | None] = mapped_column(ForeignKey("repairs.id"))
    customer_id: Mapped[int | None] = mapped_column(ForeignKey("customers.id"))
    kind: Mapped[str] = mapped_column(Text)
    label: Mapped[str] = mapped_column(Text)
    amount_minor: Mapped[int] = mapped_column(BigInteger)
    tax_minor: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    currency: Mapped[str] = mapped_column(Text)
    spent_on: Mapped[date] = mapped_column(Date)
    supplier: Mapped[str] = mapped_column(Text, server_default="")
    note: Mapped[str] = mapped_column(Text, server_default="")
    file_id: Mapped[int | None] = mapped_column(ForeignKey("files.id", ondelete="SET NULL"))
    created_by: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column()
    voided_at: Mapped[datetime | None] = mapped_column()
    voided_by: Mapped[str | None] = mapped_column(Text)
    void_reason: Mapped[str | None] = mapped_column(Text)

    @property
    def net_minor(self) -> int:
        return self.amount_minor - self.tax_minor
