"""What one sandbox consists of, handed to every rule and route."""

from __future__ import annotations

import secrets
import string
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from flask import current_app

from .errors import not_found
from .faults import Faults
from .store import Row, Store
from .versions import Version

if TYPE_CHECKING:
    from .hooks import Hooks

ACCOUNT_ID = 1


@dataclass
class Site:
    """public_url: address of the sandbox without a trailing slash.
    webhook_secret: used for every account webhook; None makes a random one each time."""

    store: Store
    version: Version
    faults: Faults
    public_url: str
    webhook_secret: str | None
    hooks: Hooks = field(init=False)

    @property
    def account(self) -> Row:
        account = self.store.get("account", ACCOUNT_ID)
        assert account is not None, "the seed makes the account"
        return account

    def find(self, kind: str, row_id: int | None) -> Row:
        """Raises the API's 404 when the row is missing."""
        row = self.store.get(kind, row_id)
        if row is None:
            raise not_found()
        return row


def current_site() -> Site:
    """The sandbox behind the running request."""
    return current_app.extensions["sandbox"]


def new_secret(length: int = 24) -> str:
    """Letters and digits, as Chatwoot's tokens and secrets are."""
    return "".join(secrets.choice(string.ascii_letters + string.digits) for _ in range(length))
