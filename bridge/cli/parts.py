"""Joins the parts for a verb: settings, stores and, when wanted, the whole service."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import app
from bridge.cli import word
from bridge.settings import Settings
from crm.core.events import Actor
from jobs import stores as launcher
from jobs.stores import Stores

OPERATOR = Actor("staff", "command line")


def load_settings() -> Settings:
    """The settings of the environment, filled up with what a running `up` left word of."""
    settings = app.load_settings()
    told = word.read(settings)
    return app.load_settings(told | dict(os.environ)) if told else settings


@contextmanager
def stores(settings: Settings) -> Iterator[Stores]:
    """The stores of the settings, or this machine's own; what a running `up` owns stays running."""
    with launcher.start(
        settings.state_dir, database_url=settings.database_url, redis_url=settings.redis_url
    ) as opened:
        yield opened


@contextmanager
def service() -> Iterator[app.Mendline]:
    """The joined parts. Where a database is named, nothing is started: no Redis means none."""
    settings = load_settings()
    if settings.database_url:
        with _joined(settings, settings.database_url, settings.redis_url) as parts:
            yield parts
    else:
        with (
            stores(settings) as opened,
            _joined(settings, opened.database_url, opened.redis_url) as parts,
        ):
            yield parts


@contextmanager
def _joined(settings: Settings, database_url: str, redis_url: str | None) -> Iterator[app.Mendline]:
    parts = app.compose(settings, database_url, redis_url)
    try:
        yield parts
    finally:
        parts.engine.dispose()
