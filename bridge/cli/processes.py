"""Verbs that run: `up`, `web`, `worker`, `scheduler`, `migrate`, `sandbox`, `openapi`."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

import app
from bridge.cli import provisioning
from bridge.cli.parts import service, stores
from bridge.settings import Settings
from crm.core.errors import Conflict
from jobs import worker
from jobs.scheduler import Scheduler
from jobs.stores import Stores
from jobs.supervisor import Process, Supervisor

ROOT = Path(__file__).parents[2]
WORKERS = 2
SANDBOX_PORT_ABOVE = 1  # the sandbox listens on the port after the service's own


def add_verbs(verb: Callable) -> None:
    up = verb("up", run_up, "run everything in the foreground: stores, web, workers, scheduler")
    up.add_argument("--workers", type=int, default=WORKERS, help="worker processes (default: 2)")
    web = verb("web", run_web, "serve the web part")
    web.add_argument("--bind", help="address:port (default: 0.0.0.0 and PORT)")
    verb("worker", run_worker, "run rows that are rung for through Redis")
    verb("scheduler", run_scheduler, "hand over due rows and run the periodic duties")
    verb("migrate", run_migrate, "bring the database schema up to date")
    sandbox = verb("sandbox", run_sandbox, "run the stand-in Chatwoot alone")
    sandbox.add_argument("--port", type=int, default=8001)
    verb("openapi", run_openapi, "print the API's OpenAPI document")


def run_web(args: argparse.Namespace) -> None:
    settings = app.load_settings()
    if not settings.database_url:
        raise Conflict("web needs DATABASE_URL; `app.py up` starts a database of its own")
    bind = args.bind or f"0.0.0.0:{settings.port}"
    os.execv(sys.executable, [sys.executable, *_gunicorn(bind)])


def run_worker(_: argparse.Namespace) -> None:
    settings = app.load_settings()
    if not settings.redis_url or not settings.database_url:
        raise Conflict("a worker needs DATABASE_URL and REDIS_URL; without Redis the scheduler works")
    parts = app.compose(settings, settings.database_url, settings.redis_url)
    worker.run(parts.rows(), settings.redis_url, settings.state_dir / "worker.alive")


def run_scheduler(_: argparse.Namespace) -> None:
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    with service() as parts:
        Scheduler(
            parts.engine,
            parts.units,
            parts.rows(),
            parts.doorbell,
            parts.schedules(),
            sweep_seconds=parts.settings.periods.sweep_seconds,
            settle_seconds=parts.settings.periods.settle_seconds,
            alive_file=parts.settings.state_dir / "scheduler.alive",
        ).run(stop)


def run_migrate(_: argparse.Namespace) -> None:
    import migrations  # large, and of no use to the processes that stay

    settings = app.load_settings()
    with stores(settings) as opened:
        migrations.upgrade(opened.database_url)
        print(f"schema is at {migrations.current(opened.database_url)}")


def run_sandbox(args: argparse.Namespace) -> None:
    settings = app.load_settings()
    env = os.environ | _sandbox_env(settings, args.port)
    os.execve(sys.executable, [sys.executable, *_sandbox_gunicorn(args.port)], env)


def run_openapi(_: argparse.Namespace) -> None:
    with service() as parts:
        client = app.edge(parts).test_client()
        document = client.get("/api/v1/openapi.json").get_json()
    print(json.dumps(document, indent=2, sort_keys=True))


def run_up(args: argparse.Namespace) -> int:
    import migrations

    settings = app.load_settings()
    started = time.monotonic()
    with stores(settings) as opened:
        migrations.upgrade(opened.database_url)
        _seed(settings, opened)
        processes, env = _processes(settings, opened, args.workers)

        def on_ready() -> None:
            _greet(settings, opened, env, time.monotonic() - started)

        return Supervisor(processes, heal=opened.heal).run(on_ready)


def _seed(settings: Settings, opened: Stores) -> None:
    """Bring the catalogue up to date; takes a moment only when there is something to load."""
    from crm.catalog import service as catalog

    parts = app.compose(settings, opened.database_url, opened.redis_url)
    with parts.units() as uow:
        catalog.seed(uow)
    parts.engine.dispose()


def _processes(
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
    web = Process("web", [python, *_gunicorn(bind)], env, lambda: _answers(settings.port, "/readyz"))
    processes = [web]
    if opened.redis_url:
        processes += [
            Process(f"worker {number + 1}", [python, "app.py", "worker"], env)
            for number in range(workers)
        ]
    processes.append(Process("scheduler", [python, "app.py", "scheduler"], env))
    if settings.chatwoot.url is None:
        port = settings.port + SANDBOX_PORT_ABOVE
        sandbox_env = dict(os.environ) | _sandbox_env(settings, port)
        sandbox = Process(
            "sandbox",
            [python, *_sandbox_gunicorn(port)],
            sandbox_env,
            lambda: _connect_sandbox(port, env),
        )
        processes.insert(0, sandbox)
    return processes, env


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
        parts = app.compose(app.load_settings(env), env["DATABASE_URL"], env.get("REDIS_URL"))
        provisioning.carry_out(parts)
        parts.engine.dispose()
    return True


def _greet(settings: Settings, opened: Stores, env: dict[str, str], seconds: float) -> None:
    home = settings.public_url
    lines = [
        f"Mendline is ready ({seconds:.1f} s). Ctrl-C stops it.",
        f"  health     {home}/readyz",
        f"  API        {home}/api/v1/docs",
        f"  admin      {home}/admin    (app.py staff create --email you@example.com --role admin)",
        f"  tracking   {home}/track/<token>, sent with every status message",
    ]
    if settings.chatwoot.url is None:
        lines.append(f"  sandbox    {env['CHATWOOT_URL']}/   play customer and agent here")
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


def _gunicorn(bind: str) -> list[str]:
    return ["-m", "gunicorn", "-c", str(ROOT / "bridge/gunicorn.py"), "-b", bind,
            "--chdir", str(ROOT), "app:web()"]  # fmt: skip


def _sandbox_gunicorn(port: int) -> list[str]:
    # One process, because the sandbox keeps its state in memory beside its file.
    return ["-m", "gunicorn", "-w", "1", "--threads", "16", "-b", f"127.0.0.1:{port}",
            "--no-control-socket", "--chdir", str(ROOT), "chatwoot.sandbox.wsgi:app"]  # fmt: skip


def _sandbox_env(settings: Settings, port: int) -> dict[str, str]:
    state = settings.state_dir.resolve()
    state.mkdir(mode=0o700, parents=True, exist_ok=True)
    secrets = settings.chatwoot.webhook_secrets
    return {
        "SANDBOX_STATE": str(state / "sandbox.sqlite"),
        "SANDBOX_PUBLIC_URL": f"http://127.0.0.1:{port}",
        # A secret set in the environment wins here, so the sandbox signs with it as well.
        "SANDBOX_WEBHOOK_SECRET": secrets[0] if secrets else "",
    }
