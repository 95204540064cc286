"""Tables of numbers that get no messages, of WhatsApp's windows and of its approved templates."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import Text
from sqlalchemy.orm import Mapped, mapped_column

from crm.core.db import Base

SMS, WHATSAPP = "sms", "whatsapp"
CHANNELS = (SMS, WHATSAPP)


class NumberState(StrEnum):
    OK = "ok"
    OPTED_OUT = "opted_out"
    UNDELIVERABLE = "undeliverable"


class TextNumber(Base):
    """What we know about one number on one channel.

    digest: SHA-256 of the number as `customers.rules.phone_key` spells it, so that who said stop is
    left alone after being erased too. since, reason: of the state. heard_at: when they last wrote;
    on WhatsApp it opens the window.
    """

    __tablename__ = "text_numbers"

    channel: Mapped[str] = mapped_column(Text, primary_key=True)
    digest: Mapped[str] = mapped_column(Text, primary_key=True)
    state: Mapped[str] = mapped_column(Text, server_default=NumberState.OK)
    since: Mapped[datetime] = mapped_column()
    reason: Mapped[str] = mapped_column(Text, server_default="")
    heard_at: Mapped[datetime | None] = mapped_column()


class WhatsAppTemplate(Base):
    """An approved template. name: of our own template. variables: what its {{1}}, {{2}}… stand for."""

    __tablename__ = "whatsapp_templates"

    name: Mapped[str] = mapped_column(Text, primary_key=True)
    locale: Mapped[str] = mapped_column(Text, primary_key=True)
    content_sid: Mapped[str] = mapped_column(Text)
    variables: Mapped[list] = mapped_column()
    updated_at: Mapped[datetime] = mapped_column()
    updated_by: Mapped[str] = mapped_column(Text)
