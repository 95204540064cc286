"""Tables of numbers that get no messages, of WhatsApp's windows and of its approved templates."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import BigInteger, Text
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


class InboxTemplate(Base):
    """An approved template as it was read in a WhatsApp inbox, of one of our messages.

    remote_name, language, category: what it is called there. words: with {{1}} or {{name}}. variables:
    of our message, in the order in which these ask for them. number: of the inbox, E.164, where it tells
    one. content_sid: where Twilio sends it.
    problem: why it cannot be used, None: it can.
    """

    __tablename__ = "inbox_templates"

    inbox_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    name: Mapped[str] = mapped_column(Text, primary_key=True)
    locale: Mapped[str] = mapped_column(Text, primary_key=True)
    remote_name: Mapped[str] = mapped_column(Text)
    language: Mapped[str] = mapped_column(Text)
    category: Mapped[str] = mapped_column(Text)
    words: Mapped[str] = mapped_column(Text)
    variables: Mapped[list] = mapped_column()
    number: Mapped[str | None] = mapped_column(Text)
    content_sid: Mapped[str | None] = mapped_column(Text)
    problem: Mapped[str | None] = mapped_column(Text)
    read_at: Mapped[datetime] = mapped_column()
