"""Tables of repairs, their history and their links to tickets."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import BigInteger, Date, ForeignKey, Identity, Index, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from crm.core.db import Base
from crm.repairs.statuses import GIVEN_UP

REF_PREFIX = "RPR"


class Repair(Base):
    """owner_key: the API key of the shop system that reports it, with its own external_id.

    external_version: that system's counter. status_occurred_at: when the present status was reached
    according to its reporter; news from before it is late.
    """

    __tablename__ = "repairs"
    __table_args__ = (
        Index("uq_repairs_external", "owner_key", "external_id", unique=True,
              postgresql_where=text("external_id IS NOT NULL"),
              postgresql_nulls_not_distinct=True),
        Index("ix_repairs_external_id", "external_id", "id",
              postgresql_where=text("external_id IS NOT NULL")),
        Index("ix_repairs_flags", "flags", postgresql_using="gin"),
        Index("ix_repairs_customer_id", "customer_id", "id"),
        Index("ix_repairs_status", "status", "id"),
        Index("ix_repairs_device", text("lower(device)"), "id"),
        Index("ix_repairs_search", "ref", "device", "place", postgresql_using="gin",
              postgresql_ops=dict.fromkeys(("ref", "device", "place"), "gin_trgm_ops")),
    )  # fmt: skip

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    ref: Mapped[str] = mapped_column(Text, unique=True)
    customer_id: Mapped[int | None] = mapped_column(ForeignKey("customers.id"))
    owner_key: Mapped[str | None] = mapped_column(Text)
    external_id: Mapped[str | None] = mapped_column(Text)
    external_version: Mapped[int | None] = mapped_column(BigInteger)
    device: Mapped[str] = mapped_column(Text, server_default="")
    problem: Mapped[str] = mapped_column(Text, server_default="")
    status: Mapped[str] = mapped_column(Text)
    status_at: Mapped[datetime] = mapped_column()
    status_occurred_at: Mapped[datetime] = mapped_column()
    flags: Mapped[list] = mapped_column(server_default=text("'[]'"))
    technician: Mapped[str | None] = mapped_column(Text)
    place: Mapped[str | None] = mapped_column(Text)
    estimated_on: Mapped[date | None] = mapped_column(Date)
    estimate_minor: Mapped[int | None] = mapped_column(BigInteger)
    currency: Mapped[str] = mapped_column(Text)
    received_at: Mapped[datetime] = mapped_column()
    updated_at: Mapped[datetime] = mapped_column()


class RepairEntry(Base):
    """One line of a repair's history.

    outcome: `created moved repeated late corrected note estimate delay flags part_ordered
    part_arrived place signed collection_proof checklist_skipped loan_opened loan_returned
    loan_waived loan_still_out pickup_reminder letter_sent come_back deposit_to_return quote_sent
    quote_approved quote_declined quote_ended approval_skipped paid payment_failed refunded refund_waits
    refund_failed disputed dispute_ended invoice_by_hand`; only `moved`, `created` and
    `flags` that give the work up inform the customer. note is public, internal_note and reason are
    for staff.
    """

    __tablename__ = "repair_history"
    __table_args__ = (Index("ix_repair_history_repair_id", "repair_id", "id"),)

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    repair_id: Mapped[int] = mapped_column(ForeignKey("repairs.id"))
    outcome: Mapped[str] = mapped_column(Text)
    from_status: Mapped[str | None] = mapped_column(Text)
    to_status: Mapped[str | None] = mapped_column(Text)
    note: Mapped[str | None] = mapped_column(Text)
    internal_note: Mapped[str | None] = mapped_column(Text)
    reason: Mapped[str | None] = mapped_column(Text)
    actor_kind: Mapped[str] = mapped_column(Text)
    actor_name: Mapped[str] = mapped_column(Text)
    version: Mapped[int | None] = mapped_column(BigInteger)
    details: Mapped[dict] = mapped_column(server_default=text("'{}'"))
    occurred_at: Mapped[datetime] = mapped_column()
    recorded_at: Mapped[datetime] = mapped_column()

    @property
    def gives_up(self) -> bool:
        """Whether the work was given up here, and not before."""
        if self.outcome != "flags":
            return False
        before, after = self.details["before"], self.details["after"]
        return bool(GIVEN_UP.intersection(after)) and not GIVEN_UP.intersection(before)


class TicketRepair(Base):
    """A ticket may hold several repairs, a repair several tickets."""

    __tablename__ = "ticket_repairs"
    __table_args__ = (Index("ix_ticket_repairs_repair_id", "repair_id"),)

    ticket_id: Mapped[int] = mapped_column(ForeignKey("tickets.id"), primary_key=True)
    repair_id: Mapped[int] = mapped_column(ForeignKey("repairs.id"), primary_key=True)
    linked_at: Mapped[datetime] = mapped_column()
