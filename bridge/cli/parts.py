"""Joins the parts for a verb: settings, stores and, when wanted, the whole service."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import app
from bridge.settings import Settings
from crm.core.events import Actor
from jobs import stores as launcher
from jobs.stores import Stores

OPERATOR = Actor("staff", "command line")


@contextmanager
def stores(settings: Settings) -> Iterator[Stores]:
    """The stores of the settings, or this machine's own; what a running `up` owns stays running."""
    with launcher.start(
        settings.state_dir, database_url=settings.database_url, redis_url=settings.redis_url
    ) as opened:
        yield opened


@contextmanager
def service() -> Iterator[app.Mendline]:
    settings = app.load_settings()
    with stores(settings) as opened:
        parts = app.compose(settings, opened.database_url, opened.redis_url)
        try:
            yield parts
        finally:
            parts.engine.dispose()
