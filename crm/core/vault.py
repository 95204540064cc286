"""Small secrets kept in the database, encrypted with SECRET_KEY: what provisioning learns from
Chatwoot, and the webhook secrets of shop systems. Settings from the environment win over it;
deciding that is left to the caller.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from sqlalchemy import LargeBinary, Text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Mapped, mapped_column

from crm.core.db import Base
from crm.core.errors import MendlineError
from crm.core.uow import UnitOfWork


class SecretRow(Base):
    __tablename__ = "secrets"

    name: Mapped[str] = mapped_column(Text, primary_key=True)
    sealed: Mapped[bytes] = mapped_column(LargeBinary)
    updated_at: Mapped[datetime] = mapped_column()


class Unreadable(MendlineError):
    """A sealed value does not open with SECRET_KEY or SECRET_KEY_FALLBACKS."""

    code = "sealed-with-another-key"


class Seal:
    """Encrypts and opens JSON values. keys: newest first; all open, only the first seals."""

    def __init__(self, keys: Sequence[str]):
        self._fernet = MultiFernet([Fernet(_derive(key)) for key in keys])

    def close(self, value: Any) -> bytes:
        return self._fernet.encrypt(json.dumps(value).encode())

    def open(self, sealed: bytes) -> Any:
        """Raises Unreadable when no key opens it."""
        try:
            return json.loads(self._fernet.decrypt(sealed))
        except InvalidToken as error:
            raise Unreadable("restore the old key in SECRET_KEY_FALLBACKS") from error


def _derive(key: str) -> bytes:
    return base64.urlsafe_b64encode(hashlib.sha256(b"mendline.seal:" + key.encode()).digest())


def put(uow: UnitOfWork, seal: Seal, name: str, value: Any) -> None:
    sealed = seal.close(value)
    statement = insert(SecretRow).values(name=name, sealed=sealed, updated_at=uow.now)
    uow.session.execute(
        statement.on_conflict_do_update(
            index_elements=["name"], set_={"sealed": sealed, "updated_at": uow.now}
        )
    )


def get(uow: UnitOfWork, seal: Seal, name: str) -> Any | None:
    row = uow.session.get(SecretRow, name)
    return None if row is None else seal.open(row.sealed)
