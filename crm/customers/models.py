"""Tables of customers, the keys they are known by, suggestions and the merge journal."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Identity, Index, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from crm.core.db import Base

CHATWOOT_CONTACT, EMAIL, PHONE = "chatwoot_contact", "email", "phone"


class Customer(Base):
    """name, email and phone are what the shop sees; what they prove stands in `CustomerKey`."""

    __tablename__ = "customers"
    __table_args__ = (
        Index("ix_customers_email", text("lower(email)")),
        Index("ix_customers_phone", "phone"),
        Index("ix_customers_name_trgm", "name", postgresql_using="gin",
              postgresql_ops={"name": "gin_trgm_ops"}),
        Index("ix_customers_merged_into_id", "merged_into_id"),
    )  # fmt: skip

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    ref: Mapped[str] = mapped_column(Text, unique=True)
    name: Mapped[str] = mapped_column(Text, server_default="")
    email: Mapped[str | None] = mapped_column(Text)
    phone: Mapped[str | None] = mapped_column(Text)
    locale: Mapped[str | None] = mapped_column(Text)
    merged_into_id: Mapped[int | None] = mapped_column(ForeignKey("customers.id"))
    created_at: Mapped[datetime] = mapped_column()
    updated_at: Mapped[datetime] = mapped_column()


class CustomerKey(Base):
    """One key a customer is known by. A proven value belongs to one customer only.

    kind: `chatwoot_contact`, `email` (lower case) or `phone` (see `rules.phone_key`).
    """

    __tablename__ = "customer_keys"
    __table_args__ = (
        UniqueConstraint("kind", "value", "customer_id"),
        Index("uq_customer_keys_proven", "kind", "value", unique=True,
              postgresql_where=text("is_proven")),
        Index("ix_customer_keys_customer_id", "customer_id"),
    )  # fmt: skip

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    customer_id: Mapped[int] = mapped_column(ForeignKey("customers.id"))
    kind: Mapped[str] = mapped_column(Text)
    value: Mapped[str] = mapped_column(Text)
    is_proven: Mapped[bool] = mapped_column()
    created_at: Mapped[datetime] = mapped_column()


class MergeSuggestion(Base):
    """Two records that share a key one of them has not proven. state: `open merged dismissed`."""

    __tablename__ = "merge_suggestions"
    __table_args__ = (UniqueConstraint("customer_id", "other_id"),)

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    customer_id: Mapped[int] = mapped_column(ForeignKey("customers.id"))
    other_id: Mapped[int] = mapped_column(ForeignKey("customers.id"), index=True)
    reason: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(Text, server_default="open")
    created_at: Mapped[datetime] = mapped_column()


class Merge(Base):
    """The journal of one merge. moved: table name -> ids of the rows that changed hands."""

    __tablename__ = "merges"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    kept_id: Mapped[int] = mapped_column(ForeignKey("customers.id"), index=True)
    merged_id: Mapped[int] = mapped_column(ForeignKey("customers.id"), index=True)
    moved: Mapped[dict] = mapped_column()
    kept_before: Mapped[dict] = mapped_column()
    actor_name: Mapped[str] = mapped_column(Text)
    at: Mapped[datetime] = mapped_column()
    undone_at: Mapped[datetime | None] = mapped_column()
