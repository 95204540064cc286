"""Tables for staff, their sign-in and API keys.

Every token is kept only as its SHA-256: whoever reads the database can use none of them. A webhook
secret must be read back to check signatures, so it is sealed instead (crm/core/vault.py).
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Identity, Index, LargeBinary, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from crm.core.db import Base


class Staff(Base):
    """email: lower case. role: one of roles.STAFF_ROLES."""

    __tablename__ = "staff"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    email: Mapped[str] = mapped_column(Text, unique=True)
    name: Mapped[str] = mapped_column(Text)
    role: Mapped[str] = mapped_column(Text)
    is_active: Mapped[bool] = mapped_column(server_default=text("true"))
    created_at: Mapped[datetime] = mapped_column()


class SignInLink(Base):
    __tablename__ = "sign_in_links"

    token_hash: Mapped[str] = mapped_column(Text, primary_key=True)
    staff_id: Mapped[int] = mapped_column(
        BigInteger, ForeignKey("staff.id", ondelete="CASCADE"), index=True
    )
    expires_at: Mapped[datetime] = mapped_column(index=True)
    used_at: Mapped[datetime | None] = mapped_column()


class StaffSession(Base):
    __tablename__ = "staff_sessions"

    token_hash: Mapped[str] = mapped_column(Text, primary_key=True)
    staff_id: Mapped[int] = mapped_column(
        BigInteger, ForeignKey("staff.id", ondelete="CASCADE"), index=True
    )
    expires_at: Mapped[datetime] = mapped_column(index=True)


class ApiKey(Base):
    """id: public, `key_` and 12 signs; it stands in the address /webhooks/shops/<id>.

    status_map: what its holder calls the statuses, see crm/repairs/status_maps.py.
    """

    __tablename__ = "api_keys"
    __table_args__ = (
        Index("uq_api_keys_token_hash", "token_hash", unique=True),
        Index("ix_api_keys_created_at", "created_at", "id"),
    )

    id: Mapped[str] = mapped_column(Text, primary_key=True)
    name: Mapped[str] = mapped_column(Text)
    role: Mapped[str] = mapped_column(Text)
    token_hash: Mapped[str] = mapped_column(Text)
    webhook_secret: Mapped[bytes] = mapped_column(LargeBinary)
    status_map: Mapped[dict | None] = mapped_column()
    previous_secret: Mapped[bytes | None] = mapped_column(LargeBinary)
    previous_until: Mapped[datetime | None] = mapped_column()
    expires_at: Mapped[datetime | None] = mapped_column()
    revoked_at: Mapped[datetime | None] = mapped_column()
    last_used_at: Mapped[datetime | None] = mapped_column()
    created_at: Mapped[datetime] = mapped_column()
