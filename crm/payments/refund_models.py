"""The table of refunds: money given back of one payment."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Identity, Index, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from crm.core.db import Base
from crm.payments.models import one_of

STATES = ("waiting_second", "queued", "done", "failed", "refused")
# What counts against the payment: promised or gone.
COUNTED = ("waiting_second", "queued", "done")
REF_PREFIX = "REF"
EFFECT = "refund:"


class Refund(Base):
    """state: `waiting_second` until another person approves; `queued` while the provider has it.

    invoice_id, lines: what is credited when it goes, a list of {line, amount_minor}; credit_note_id:
    the document that did. restock: whether parts go back on the shelf. requester_id: of the person or
    key that asked; None when it was made at the provider's own desk. uncovered_minor: of such a one,
    what left without having been held. failure: why it failed.
    """

    __tablename__ = "refunds"
    __table_args__ = (
        CheckConstraint("amount_minor > 0", name="amount"),
        CheckConstraint("uncovered_minor BETWEEN 0 AND amount_minor", name="uncovered"),
        CheckConstraint(
            "(state IN ('done', 'failed', 'refused')) = (settled_at IS NOT NULL)", name="settled"
        ),
        one_of("state", STATES),
        Index("ix_refunds_payment_id", "payment_id", "id"),
        Index("ix_refunds_state", "state", "id"),
        Index("ix_refunds_credit_note_id", "credit_note_id"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    ref: Mapped[str] = mapped_column(Text, unique=True)
    payment_id: Mapped[int] = mapped_column(ForeignKey("payments.id"))
    amount_minor: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str] = mapped_column(Text)
    reason: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(Text)
    invoice_id: Mapped[int | None] = mapped_column(ForeignKey("invoices.id"))
    lines: Mapped[list] = mapped_column(server_default=text("'[]'"))
    credit_note_id: Mapped[int | None] = mapped_column(ForeignKey("invoices.id"))
    restock: Mapped[bool] = mapped_column(server_default=text("false"))
    requested_by: Mapped[str] = mapped_column(Text)
    requester_id: Mapped[str | None] = mapped_column(Text)
    approved_by: Mapped[str | None] = mapped_column(Text)
    refused_by: Mapped[str | None] = mapped_column(Text)
    provider_refund_id: Mapped[str | None] = mapped_column(Text, unique=True)
    uncovered_minor: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    failure: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column()
    settled_at: Mapped[datetime | None] = mapped_column()

    @property
    def effect_key(self) -> str:
        return f"{EFFECT}{self.id}"
