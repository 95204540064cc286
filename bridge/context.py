"""What the HTTP edge is given by the composition root, and how a view reaches it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from flask import current_app
from sqlalchemy import Engine

from bridge.settings import Settings
from crm.core.integration import Integration
from crm.core.shop import Shop
from crm.core.uow import Units
from crm.core.vault import Seal
from crm.payments.provider import Provider
from jobs.queue import Doorbell

_NAME = "mendline"


@dataclass(frozen=True)
class Context:
    """redis_url: where rate limits are counted; None keeps them in each process.

    payments: who takes cards for the shop; None when nobody does.
    """

    settings: Settings
    engine: Engine
    units: Units
    seal: Seal
    shop: Shop
    doorbell: Doorbell
    integrations: Sequence[Integration] = ()
    redis_url: str | None = None
    payments: Provider | None = None

    @property
    def is_https(self) -> bool:
        return self.settings.public_url.startswith("https://")


def put(extensions: dict, context: Context) -> None:
    extensions[_NAME] = context


def here() -> Context:
    """The context of the application that answers this request."""
    return current_app.extensions[_NAME]
