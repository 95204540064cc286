"""Tables of the terms, of what was agreed to, and of other proofs that a device was collected."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Identity, Index, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from crm.core.db import Base


class Purpose(StrEnum):
    """DROP_OFF: the terms of a repair. COLLECTION: the receipt when the device is handed back."""

    DROP_OFF = "drop_off"
    COLLECTION = "collection"


class Terms(Base):
    """One version of a text, kept word for word for as long as somebody may have signed it.

    digest: SHA-256 of the text in UTF-8. is_own: written by the shop; the others came with a
    release.
    """

    __tablename__ = "terms"
    __table_args__ = (Index("uq_terms_version", "purpose", "locale", "version", unique=True),)

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    purpose: Mapped[str] = mapped_column(Text)
    locale: Mapped[str] = mapped_column(Text)
    version: Mapped[int] = mapped_column()
    text: Mapped[str] = mapped_column(Text)
    digest: Mapped[str] = mapped_column(Text)
    is_own: Mapped[bool] = mapped_column()
    actor_name: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column()


class Agreement(Base):
    """What a repair's owner is asked to sign; with terms_id and signed_at, has signed.

    sent_at: when the link was last sent to the customer. strokes: the drawn signature, checked by
    `rules.strokes`; None when the typed name alone was given. voided_at: the device came back after
    its collection, which is then proven anew.
    """

    __tablename__ = "agreements"
    __table_args__ = (
        CheckConstraint("num_nulls(signed_at, terms_id, signer_name) IN (0, 3)", name="signed"),
        Index("uq_agreements_purpose", "repair_id", "purpose", unique=True,
              postgresql_where=text("voided_at IS NULL")),
        Index("ix_agreements_repair_id", "repair_id", "id"),
    )  # fmt: skip

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    repair_id: Mapped[int] = mapped_column(ForeignKey("repairs.id"))
    purpose: Mapped[str] = mapped_column(Text)
    requested_by: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column()
    sent_at: Mapped[datetime | None] = mapped_column()
    terms_id: Mapped[int | None] = mapped_column(ForeignKey("terms.id"))
    signed_at: Mapped[datetime | None] = mapped_column()
    signer_name: Mapped[str | None] = mapped_column(Text)
    strokes: Mapped[list | None] = mapped_column()
    ip_address: Mapped[str | None] = mapped_column(Text)
    user_agent: Mapped[str | None] = mapped_column(Text)
    voided_at: Mapped[datetime | None] = mapped_column()


class CollectionProof(Base):
    """Another proof than a signature. kind: `code`, or `seen` with the reason a person gave."""

    __tablename__ = "collection_proofs"
    __table_args__ = (
        CheckConstraint("(kind = 'seen') = (reason IS NOT NULL)", name="reason_when_seen"),
        Index("ix_collection_proofs_repair_id", "repair_id", "id"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    repair_id: Mapped[int] = mapped_column(ForeignKey("repairs.id"))
    kind: Mapped[str] = mapped_column(Text)
    reason: Mapped[str | None] = mapped_column(Text)
    actor_name: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column()
    voided_at: Mapped[datetime | None] = mapped_column()
