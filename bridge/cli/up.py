"""The verb `up`: stores, schema, catalogue, and every process in the foreground."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable

import app
from bridge.cli import parts, processes, provisioning
from bridge.settings import Settings
from jobs.stores import Stores
from jobs.supervisor import Process, Supervisor

WORKERS = 2
# The sandbox listens on the port after the service's own, and for e-mail on the next.
SANDBOX_PORT_ABOVE, SANDBOX_SMTP_PORT_ABOVE = 1, 2


def add_verbs(verb: Callable) -> None:
    up = verb("up", run_up, "run everything in the foreground: stores, web, workers, scheduler")
    up.add_argument("--workers", type=int, default=WORKERS, help="worker processes (default: 2)")


def run_up(args: argparse.Namespace) -> int:
    import migrations

    settings = app.load_settings()
    started = time.monotonic()
    with parts.stores(settings) as opened:
        migrations.upgrade(opened.database_url)
        _seed(settings, opened)
        children, env = _children(settings, opened, args.workers)

        def on_ready() -> None:
            parts.leave_word(settings, env)
            _greet(settings, opened, env, time.monotonic() - started)

        try:
            return Supervisor(children, heal=opened.heal).run(on_ready)
        finally:
            parts.take_word_back(settings)


def _seed(settings: Settings, opened: Stores) -> None:
    """Bring the catalogue up to date; takes a moment only when there is something to load."""
    from crm.bookings import opening
    from crm.catalog import service as catalog

    service = app.compose(settings, opened.database_url, opened.redis_url)
    with service.units() as uow:
        catalog.seed(uow)
        opening.furnish(uow, settings.shop_name, settings.shop_timezone)
    service.engine.dispose()


def _children(
    settings: Settings, opened: Stores, workers: int
) -> tuple[list[Process], dict[str, str]]:
    """The children of `up`, and the environment they share.

    The sandbox comes first: only it knows the token that the others need, so its readiness fills
    their environment.
    """
    env = dict(os.environ) | {
        "DATABASE_URL": opened.database_url,
        "PORT": str(settings.port),
        "STATE_DIR": str(settings.state_dir.resolve()),
        "PROMETHEUS_MULTIPROC_DIR": str(settings.state_dir.resolve() / "metrics"),
        "PYTHONUNBUFFERED": "1",
    }
    if opened.redis_url:
        env["REDIS_URL"] = opened.redis_url
    python = sys.executable
    bind = f"0.0.0.0:{settings.port}"
    web = Process(
        "web", [python, *processes.gunicorn(bind)], env, lambda: _answers(settings.port, "/readyz")
    )
    children = [web]
    if opened.redis_url:
        children += [
            Process(f"worker {number + 1}", [python, "app.py", "worker"], env)
            for number in range(workers)
        ]
    children.append(Process("scheduler", [python, "app.py", "scheduler"], env))
    if settings.chatwoot.url is None:
        port = settings.port + SANDBOX_PORT_ABOVE
        sandbox_env = dict(os.environ) | processes.sandbox_env(settings, port)
        if _catches_mail(settings):
            smtp_port = settings.port + SANDBOX_SMTP_PORT_ABOVE
            sandbox_env["SANDBOX_SMTP_PORT"] = str(smtp_port)
            env |= {
                "SMTP_URL": f"smtp://127.0.0.1:{smtp_port}",
                "MAIL_FROM": env.get("MAIL_FROM") or "shop@example.test",
            }
        sandbox = Process(
            "sandbox",
            [python, *processes.sandbox_gunicorn(port)],
            sandbox_env,
            lambda: _connect_sandbox(port, env),
        )
        children.insert(0, sandbox)
    return children, env


def _catches_mail(settings: Settings) -> bool:
    """Only beside a sandbox, and never in place of a mail server that was named."""
    named = any(os.environ.get(name) for name in ("SMTP_URL", "SMTP_URL_FILE"))
    return settings.chatwoot.url is None and not named


def _connect_sandbox(port: int, env: dict[str, str]) -> bool:
    """Learn the sandbox's address and token, and set it up, once it answers."""
    try:
        with urllib.request.urlopen(
            f"http://127.0.0.1:{port}/sandbox/api/credentials", timeout=2
        ) as answer:
            told = json.load(answer)
    except (urllib.error.URLError, OSError):
        return False
    if "CHATWOOT_URL" not in env:
        env |= {
            "CHATWOOT_URL": f"http://127.0.0.1:{port}",
            "CHATWOOT_ACCOUNT_ID": str(told["account_id"]),
            "CHATWOOT_API_TOKEN": told["admin_token"],
        }
        service = app.compose(app.load_settings(env), env["DATABASE_URL"], env.get("REDIS_URL"))
        provisioning.carry_out(service)
        service.engine.dispose()
    return True


def _greet(settings: Settings, opened: Stores, env: dict[str, str], seconds: float) -> None:
    home = settings.public_url
    lines = [
        f"Mendline is ready ({seconds:.1f} s). Ctrl-C stops it.",
        f"  health     {home}/readyz",
        f"  API        {home}/api/v1/docs",
        f"  admin      {home}/admin    (app.py staff create --email you@example.com --role admin)",
        f"  booking    {home}/book",
        f"  tracking   {home}/track/<token>, sent with every status message",
    ]
    if settings.chatwoot.url is None:
        lines.append(f"  sandbox    {env['CHATWOOT_URL']}/   play customer and agent here")
        if _catches_mail(settings):
            lines.append(f"  e-mail     {env['CHATWOOT_URL']}/#mail   caught there, with the codes")
        lines.append("  demo       .venv/bin/python app.py demo   in another terminal")
    else:
        lines.append(f"  Chatwoot   {settings.chatwoot.url}")
    lines += [f"  note: {note}" for note in (*opened.notes, *settings.warnings)]
    print("\n".join(lines), flush=True)


def _answers(port: int, path: str) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=2) as answer:
            return answer.status == 200
    except (urllib.error.URLError, OSError):
        return False
