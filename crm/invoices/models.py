"""Tables of documents, their files and numbers, and of the company that issues them."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Date,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    Text,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from crm.core.db import Base

INVOICE, CREDIT_NOTE, RECEIPT = KINDS = ("invoice", "credit_note", "receipt")
COMPANY = 1


class Company(Base):
    """Who issues the documents; one row. address: lines. vat_number: None when not VAT registered.

    bank: one line for transfers. prefix: of the numbers of invoices. country: ISO 3166, of the
    wording.
    """

    __tablename__ = "companies"
    __table_args__ = (CheckConstraint("id = 1", name="one"),)

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    legal_name: Mapped[str] = mapped_column(Text)
    address: Mapped[list] = mapped_column()
    vat_number: Mapped[str | None] = mapped_column(Text)
    company_number: Mapped[str] = mapped_column(Text)
    bank: Mapped[str] = mapped_column(Text)
    prefix: Mapped[str] = mapped_column(Text)
    country: Mapped[str] = mapped_column(Text)
    updated_at: Mapped[datetime] = mapped_column()
    updated_by: Mapped[str] = mapped_column(Text)


class Invoice(Base):
    """A document of any kind. The database lets nothing of it change but whose it is.

    corrects_id: the invoice a credit note is about. payment_id: what a receipt is for. content: see
    `content.py`; digest: SHA-256 of it. total_minor is positive for all kinds. Days are of the
    shop's calendar.
    """

    __tablename__ = "invoices"
    __table_args__ = (
        CheckConstraint("kind IN ('invoice', 'credit_note', 'receipt')", name="kind"),
        CheckConstraint("total_minor >= 0", name="total"),
        CheckConstraint("(kind = 'credit_note') = (corrects_id IS NOT NULL)", name="corrects"),
        CheckConstraint("(kind = 'receipt') = (payment_id IS NOT NULL)", name="receipt"),
        Index("ix_invoices_repair_id", "repair_id", "id"),
        Index("ix_invoices_customer_id", "customer_id", "id"),
        Index("ix_invoices_corrects_id", "corrects_id",
              postgresql_where=text("corrects_id IS NOT NULL")),
        Index("ix_invoices_issued_at", "issued_at", "id"),
        Index("uq_invoices_payment_id", "payment_id", unique=True),
    )  # fmt: skip

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    number: Mapped[str] = mapped_column(Text, unique=True)
    kind: Mapped[str] = mapped_column(Text)
    repair_id: Mapped[int | None] = mapped_column(ForeignKey("repairs.id"))
    customer_id: Mapped[int | None] = mapped_column(ForeignKey("customers.id"))
    corrects_id: Mapped[int | None] = mapped_column(ForeignKey("invoices.id"))
    payment_id: Mapped[int | None] = mapped_column(BigInteger)
    currency: Mapped[str] = mapped_column(Text)
    locale: Mapped[str] = mapped_column(Text)
    content: Mapped[dict] = mapped_column()
    total_minor: Mapped[int] = mapped_column(BigInteger)
    tax_minor: Mapped[int] = mapped_column(BigInteger)
    digest: Mapped[str] = mapped_column(Text)
    issued_at: Mapped[datetime] = mapped_column()
    supplied_on: Mapped[date | None] = mapped_column(Date)
    due_on: Mapped[date | None] = mapped_column(Date)
    issued_by: Mapped[str] = mapped_column(Text)


class InvoiceFile(Base):
    """The PDF of a document, written once."""

    __tablename__ = "invoice_files"

    invoice_id: Mapped[int] = mapped_column(ForeignKey("invoices.id"), primary_key=True)
    pdf: Mapped[bytes] = mapped_column(LargeBinary)
    sha256: Mapped[str] = mapped_column(Text)


class InvoiceSeries(Base):
    """The last number drawn. Counted in the transaction that issues, so that none is lost."""

    __tablename__ = "invoice_series"

    company: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    kind: Mapped[str] = mapped_column(Text, primary_key=True)
    year: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    last: Mapped[int] = mapped_column(Integer)
