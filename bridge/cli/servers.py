"""Verbs that become gunicorn, `web` and `sandbox`, and how it is called for each.

They load no more than the settings: gunicorn loads the rest itself.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from pathlib import Path

from bridge import settings as settings_module
from bridge.settings import Settings
from crm.core.errors import Conflict

ROOT = Path(__file__).parents[2]


def add_verbs(verb: Callable, _: Callable) -> None:
    web = verb("web", run_web, "serve the web part")
    web.add_argument("--bind", help="address:port (default: 0.0.0.0 and PORT)")
    sandbox = verb("sandbox", run_sandbox, "run the stand-in Chatwoot alone")
    sandbox.add_argument("--port", type=int, default=8001)


def run_web(args: argparse.Namespace) -> None:
    settings = settings_module.load(os.environ)
    if not settings.database_url:
        raise Conflict("web needs DATABASE_URL; `app.py up` starts a database of its own")
    bind = args.bind or f"0.0.0.0:{settings.port}"
    os.execv(sys.executable, [sys.executable, *gunicorn(bind)])


def run_sandbox(args: argparse.Namespace) -> None:
    env = os.environ | sandbox_env(settings_module.load(os.environ), args.port)
    os.execve(sys.executable, [sys.executable, *sandbox_gunicorn(args.port)], env)


def gunicorn(bind: str) -> list[str]:
    return ["-m", "gunicorn", "-c", str(ROOT / "bridge/gunicorn.py"), "-b", bind,
            "--chdir", str(ROOT), "app:web()"]  # fmt: skip


def sandbox_gunicorn(port: int) -> list[str]:
    # One process, because the sandbox keeps its state in memory beside its file.
    return ["-m", "gunicorn", "-w", "1", "--threads", "16", "-b", f"127.0.0.1:{port}",
            "--no-control-socket", "--chdir", str(ROOT), "chatwoot.sandbox.wsgi:app"]  # fmt: skip


def sandbox_env(settings: Settings, port: int) -> dict[str, str]:
    state = settings.state_dir.resolve()
    state.mkdir(mode=0o700, parents=True, exist_ok=True)
    secrets = settings.chatwoot.webhook_secrets
    return {
        "SANDBOX_STATE": str(state / "sandbox.sqlite"),
        "SANDBOX_PUBLIC_URL": f"http://127.0.0.1:{port}",
        # A secret set in the environment wins here, so the sandbox signs with it as well.
        "SANDBOX_WEBHOOK_SECRET": secrets[0] if secrets else "",
    }
