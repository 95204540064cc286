"""Joins the parts for a verb: settings, stores and, when wanted, the whole service."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import app
from bridge.settings import Settings
from crm.core.events import Actor
from jobs import stores as launcher
from jobs.stores import Stores

OPERATOR = Actor("staff", "command line")
# What a running `up` decided for itself and another terminal has to know.
TOLD = (
    "PORT", "CHATWOOT_URL", "CHATWOOT_ACCOUNT_ID", "CHATWOOT_API_TOKEN", "SMTP_URL", "MAIL_FROM",
)  # fmt: skip


def _word(state_dir: Path) -> Path:
    return state_dir / "running.json"


def leave_word(settings: Settings, env: Mapping[str, str]) -> None:
    """Tell the verbs of other terminals where this `up` listens and which Chatwoot it plays."""
    word = _word(settings.state_dir)
    word.touch(mode=0o600)
    word.write_text(json.dumps({name: env[name] for name in TOLD if name in env}))


def take_word_back(settings: Settings) -> None:
    _word(settings.state_dir).unlink(missing_ok=True)


def load_settings() -> Settings:
    """The settings of the environment, filled up with what a running `up` left word of."""
    settings = app.load_settings()
    word = _word(settings.state_dir)
    if not word.exists():
        return settings
    return app.load_settings(json.loads(word.read_text()) | dict(os.environ))


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
