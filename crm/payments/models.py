"""Tables of the ledger, of payments and of attempts to pay by card; refunds are in `refund_models.py`."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Identity, Index, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from crm.core.db import Base
from crm.payments.rules import ACCOUNTS, ATTEMPT_STATES, METHODS, PAYMENT_STATES, PURPOSES


def one_of(column: str, words: tuple[str, ...], name: str | None = None) -> CheckConstraint:
    listed = ", ".join(f"'{word}'" for word in words)
    return CheckConstraint(f"{column} IN ({listed})", name=name or column)


class LedgerTransaction(Base):
    """cause: what it was posted for, such as `invoice:12`; the same cause is posted once."""

    __tablename__ = "ledger_transactions"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    cause: Mapped[str] = mapped_column(Text, unique=True)
    currency: Mapped[str] = mapped_column(Text)
    at: Mapped[datetime] = mapped_column()


class LedgerEntry(Base):
    """One leg. The legs of a transaction add up to zero, and none is ever changed (triggers).

    customer_id alone may be pointed elsewhere, when customers are merged or erased. cause, currency,
    at: the transaction's, repeated so that reports read one table.
    """

    __tablename__ = "ledger_entries"
    __table_args__ = (
        CheckConstraint("amount_minor <> 0", name="amount"),
        one_of("account", ACCOUNTS),
        CheckConstraint("account <> 'receivable' OR invoice_id IS NOT NULL", name="receivable"),
        CheckConstraint("account <> 'held' OR num_nonnulls(repair_id, invoice_id) > 0",
                        name="held"),
        Index("ix_ledger_entries_transaction_id", "transaction_id"),
        Index("ix_ledger_entries_repair_id", "repair_id", "account"),
        Index("ix_ledger_entries_invoice_id", "invoice_id", "account"),
        Index("ix_ledger_entries_customer_id", "customer_id"),
        Index("ix_ledger_entries_payment_id", "payment_id"),
        Index("ix_ledger_entries_account", "account", "at"),
    )  # fmt: skip

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    transaction_id: Mapped[int] = mapped_column(ForeignKey("ledger_transactions.id"))
    cause: Mapped[str] = mapped_column(Text)
    account: Mapped[str] = mapped_column(Text)
    amount_minor: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str] = mapped_column(Text)
    repair_id: Mapped[int | None] = mapped_column(ForeignKey("repairs.id"))
    customer_id: Mapped[int | None] = mapped_column(ForeignKey("customers.id"))
    invoice_id: Mapped[int | None] = mapped_column(ForeignKey("invoices.id"))
    payment_id: Mapped[int | None] = mapped_column(ForeignKey("payments.id"))
    at: Mapped[datetime] = mapped_column()


class Attempt(Base):
    """One try to pay by card at the provider's hosted page.

    provider_session_id: None until the provider answered. livemode: whether real money was asked
    for. expires_at: until when the page takes money. reason: why it failed or what did not fit.
    asked_at: when the provider was last asked about it. settled_at: when the last word was said;
    before that money may still come in, whatever the state.
    """

    __tablename__ = "payment_attempts"
    __table_args__ = (
        CheckConstraint("amount_minor > 0", name="amount"),
        one_of("state", ATTEMPT_STATES),
        one_of("purpose", PURPOSES),
        # One open door at a time: two could both be paid.
        Index("uq_payment_attempts_live", "repair_id", unique=True,
              postgresql_where=text("state IN ('created', 'open')")),
        Index("ix_payment_attempts_repair_id", "repair_id", "id"),
        Index("ix_payment_attempts_doubtful", "created_at",
              postgresql_where=text("settled_at IS NULL")),
    )  # fmt: skip

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    ref: Mapped[str] = mapped_column(Text, unique=True)
    repair_id: Mapped[int | None] = mapped_column(ForeignKey("repairs.id"))
    invoice_id: Mapped[int | None] = mapped_column(ForeignKey("invoices.id"))
    customer_id: Mapped[int | None] = mapped_column(ForeignKey("customers.id"))
    purpose: Mapped[str] = mapped_column(Text)
    quote_id: Mapped[int | None] = mapped_column(ForeignKey("quotes.id"))
    amount_minor: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str] = mapped_column(Text)
    provider: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(Text)
    provider_session_id: Mapped[str | None] = mapped_column(Text, unique=True)
    provider_payment_id: Mapped[str | None] = mapped_column(Text, unique=True)
    url: Mapped[str | None] = mapped_column(Text)
    livemode: Mapped[bool | None] = mapped_column()
    reason: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column()
    expires_at: Mapped[datetime] = mapped_column()
    asked_at: Mapped[datetime | None] = mapped_column()
    settled_at: Mapped[datetime | None] = mapped_column()


class Payment(Base):
    """Money that came in. What was given back of it is told by its refunds.

    provider_payment_id: one per movement of money at the provider. fee_minor: kept by the provider.
    state: `disputed` while the bank asks for it back, `lost` once it took it.
    """

    __tablename__ = "payments"
    __table_args__ = (
        CheckConstraint("amount_minor > 0", name="amount"),
        CheckConstraint("fee_minor >= 0", name="fee"),
        CheckConstraint("num_nonnulls(repair_id, invoice_id) > 0", name="what_for"),
        CheckConstraint("(method = 'card') = (provider_payment_id IS NOT NULL)", name="card"),
        one_of("method", METHODS),
        one_of("state", PAYMENT_STATES),
        one_of("purpose", PURPOSES),
        Index("ix_payments_repair_id", "repair_id", "id"),
        Index("ix_payments_invoice_id", "invoice_id", "id"),
        Index("ix_payments_customer_id", "customer_id", "id"),
        Index("ix_payments_attempt_id", "attempt_id"),
        Index("ix_payments_provider_charge_id", "provider_charge_id"),
        Index("ix_payments_received_at", "received_at", "id"),
    )  # fmt: skip

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    ref: Mapped[str] = mapped_column(Text, unique=True)
    method: Mapped[str] = mapped_column(Text)
    amount_minor: Mapped[int] = mapped_column(BigInteger)
    fee_minor: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    currency: Mapped[str] = mapped_column(Text)
    purpose: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(Text)
    repair_id: Mapped[int | None] = mapped_column(ForeignKey("repairs.id"))
    invoice_id: Mapped[int | None] = mapped_column(ForeignKey("invoices.id"))
    customer_id: Mapped[int | None] = mapped_column(ForeignKey("customers.id"))
    attempt_id: Mapped[int | None] = mapped_column(ForeignKey("payment_attempts.id"))
    provider: Mapped[str | None] = mapped_column(Text)
    provider_payment_id: Mapped[str | None] = mapped_column(Text, unique=True)
    provider_charge_id: Mapped[str | None] = mapped_column(Text)
    received_at: Mapped[datetime] = mapped_column()
    note: Mapped[str] = mapped_column(Text, server_default="")
    received_by: Mapped[str] = mapped_column(Text)
