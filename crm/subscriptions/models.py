"""The table of subscriptions; what is owed to them are outbox rows."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, Identity, Integer, LargeBinary, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from crm.core.db import Base


class Subscription(Base):
    """kinds: event kinds, or `*` alone for all, also those to come.

    secret, previous_secret: sealed; both sign until previous_until. failures: events given up one
    after the other. ended_reason: why it is not active any more, when nobody switched it off.
    """

    __tablename__ = "subscriptions"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    url: Mapped[str] = mapped_column(Text)
    kinds: Mapped[list] = mapped_column()
    note: Mapped[str] = mapped_column(Text, server_default="")
    secret: Mapped[bytes] = mapped_column(LargeBinary)
    previous_secret: Mapped[bytes | None] = mapped_column(LargeBinary)
    previous_until: Mapped[datetime | None] = mapped_column()
    is_active: Mapped[bool] = mapped_column(server_default=text("true"))
    ended_reason: Mapped[str | None] = mapped_column(Text)
    failures: Mapped[int] = mapped_column(Integer, server_default="0")
    created_by: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column()
