"""What we remember of Chatwoot beside the conversations themselves."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, Text
from sqlalchemy.orm import Mapped, mapped_column

from crm.core.db import Base


class ContactMirror(Base):
    """The attributes last written to a contact, so that only changes are written."""

    __tablename__ = "chatwoot_contacts"

    account_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    contact_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    pushed: Mapped[dict] = mapped_column()
    pushed_at: Mapped[datetime] = mapped_column()


class Agent(Base):
    """Whose address an agent's is, as the account's list said at read_at. email: lower case."""

    __tablename__ = "chatwoot_agents"

    account_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    agent_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    email: Mapped[str] = mapped_column(Text)
    read_at: Mapped[datetime] = mapped_column()


class HookPin(Base):
    """A webhook address that has shown a valid signature and must go on showing one (rule 29)."""

    __tablename__ = "chatwoot_hooks"

    name: Mapped[str] = mapped_column(Text, primary_key=True)
    pinned_at: Mapped[datetime] = mapped_column()
