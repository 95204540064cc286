"""What a running `up` tells the verbs of other terminals: where it listens, which Chatwoot it plays."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from bridge.settings import Settings

# What `up` decides for itself.
TOLD = (
    "PORT", "CHATWOOT_URL", "CHATWOOT_ACCOUNT_ID", "CHATWOOT_API_TOKEN", "SMTP_URL", "MAIL_FROM",
)  # fmt: skip


def leave(settings: Settings, env: Mapping[str, str]) -> None:
    word = _file(settings)
    word.touch(mode=0o600)
    word.write_text(json.dumps({name: env[name] for name in TOLD if name in env}))


def take_back(settings: Settings) -> None:
    _file(settings).unlink(missing_ok=True)


def read(settings: Settings) -> dict[str, str]:
    """The variables that a running `up` left; empty when none runs."""
    word = _file(settings)
    return json.loads(word.read_text()) if word.exists() else {}


def _file(settings: Settings) -> Path:
    return settings.state_dir / "running.json"
