"""The verb `up`: stores, schema, catalogue, and every process in the foreground.

What waits for nothing starts first: the sandbox loads while the stores are made ready, and so do the
parts of the service that the later steps need.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from importlib import import_module

from bridge import logs
from bridge import settings as settings_module
from bridge.cli import servers, word
from bridge.settings import Settings
from jobs import children
from jobs import stores as launcher
from jobs.stores import Stores
from jobs.supervisor import Process, Supervisor

WORKERS = 2
# The sandbox listens on the port after the service's own, and for e-mail on the next.
SANDBOX_PORT_ABOVE, SANDBOX_SMTP_PORT_ABOVE = 1, 2


def add_verbs(verb: Callable, _: Callable) -> None:
    up = verb("up", run_up, "run everything in the foreground: stores, web, workers, scheduler")
    up.add_argument("--workers", type=int, default=WORKERS, help="worker processes (default: 2)")


def run_up(args: argparse.Namespace) -> int:
    started = time.monotonic()
    settings = settings_module.load(os.environ)
    logs.configure(settings.log_format)
    with (
        _sandbox(settings) as sandbox,
        launcher.start(
            settings.state_dir,
            database_url=settings.database_url,
            redis_url=settings.redis_url,
            meanwhile=lambda: import_module("app"),
        ) as opened,
    ):
        _prepare(settings, opened)
        env = _environment(settings, opened)
        processes = _processes(settings, opened, env, args.workers)
        if sandbox is not None:
            # First, because only it knows the token that the others need.
            processes.insert(0, replace(sandbox, ready=lambda: _connect_sandbox(settings, env)))

        def on_ready() -> None:
            word.leave(settings, env)
            _greet(settings, opened, env, time.monotonic() - started)

        try:
            return Supervisor(processes, heal=opened.heal).run(on_ready)
        finally:
            word.take_back(settings)


@contextmanager
def _sandbox(settings: Settings) -> Iterator[Process | None]:
    """The stand-in Chatwoot, already starting; None when there is a real one."""
    if settings.chatwoot.url is not None:
        yield None
        return
    port = settings.port + SANDBOX_PORT_ABOVE
    env = dict(os.environ) | servers.sandbox_env(settings, port)
    if _catches_mail(settings):
        env["SANDBOX_SMTP_PORT"] = str(settings.port + SANDBOX_SMTP_PORT_ABOVE)
    sandbox = Process("sandbox", [sys.executable, *servers.sandbox_gunicorn(port)], env)
    running = sandbox.spawn()
    try:
        yield replace(sandbox, running=running)
    finally:
        # Does nothing once the supervisor has stopped it.
        children.stop(running, (signal.SIGTERM, sandbox.stop_seconds))


def _prepare(settings: Settings, opened: Stores) -> None:
    """Bring schema and catalogue up to date; takes a moment only when there is something to do."""
    import app
    import migrations
    from crm.bookings import opening
    from crm.catalog import service as catalog

    migrations.upgrade(opened.database_url)
    service = app.compose(settings, opened.database_url, opened.redis_url)
    with service.units() as uow:
        catalog.seed(uow)
        opening.furnish(uow, settings.shop_name, settings.shop_timezone)
    service.engine.dispose()


def _environment(settings: Settings, opened: Stores) -> dict[str, str]:
    """What all processes but the sandbox are told."""
    state = settings.state_dir.resolve()
    env = dict(os.environ) | {
        "DATABASE_URL": opened.database_url,
        "PORT": str(settings.port),
        "STATE_DIR": str(state),
        "PROMETHEUS_MULTIPROC_DIR": str(state / "metrics"),
        "PYTHONUNBUFFERED": "1",
    }
    if opened.redis_url:
        env["REDIS_URL"] = opened.redis_url
    if _catches_mail(settings):
        env["SMTP_URL"] = f"smtp://127.0.0.1:{settings.port + SANDBOX_SMTP_PORT_ABOVE}"
        env["MAIL_FROM"] = env.get("MAIL_FROM") or "shop@example.test"
    return env


def _processes(
    settings: Settings, opened: Stores, env: dict[str, str], workers: int
) -> list[Process]:
    """Web first: it is what people wait for."""
    python = sys.executable
    web = [python, *servers.gunicorn(f"0.0.0.0:{settings.port}")]
    wanted = [Process("web", web, env, lambda: _answers(settings.port, "/readyz"))]
    if opened.redis_url:
        wanted += [
            Process(f"worker {number + 1}", [python, "app.py", "worker"], env)
            for number in range(workers)
        ]
    return [*wanted, Process("scheduler", [python, "app.py", "scheduler"], env)]


def _catches_mail(settings: Settings) -> bool:
    """Only beside a sandbox, and never in place of a mail server that was named."""
    named = any(os.environ.get(name) for name in ("SMTP_URL", "SMTP_URL_FILE"))
    return settings.chatwoot.url is None and not named


def _connect_sandbox(settings: Settings, env: dict[str, str]) -> bool:
    """Learn the sandbox's address and token for the others, and set it up, once it answers."""
    import app
    from bridge.cli import provisioning

    port = settings.port + SANDBOX_PORT_ABOVE
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
