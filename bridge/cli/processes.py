"""Verbs that run one thing: `web`, `worker`, `scheduler`, `migrate`, `sandbox`, `openapi`."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import app
from bridge.cli.parts import service, stores
from bridge.settings import Settings
from crm.core.errors import Conflict
from jobs import worker
from jobs.bulk import Bulk
from jobs.scheduler import Scheduler

ROOT = Path(__file__).parents[2]


def add_verbs(verb: Callable) -> None:
    web = verb("web", run_web, "serve the web part")
    web.add_argument("--bind", help="address:port (default: 0.0.0.0 and PORT)")
    verb("worker", run_worker, "run rows that are rung for through Redis")
    verb("scheduler", run_scheduler, "hand over due rows and run the periodic duties")
    migrate = verb("migrate", run_migrate, "bring the database schema up to date")
    migrate.add_argument("--undo", type=int, metavar="N", help="take back the last N steps instead")
    sandbox = verb("sandbox", run_sandbox, "run the stand-in Chatwoot alone")
    sandbox.add_argument("--port", type=int, default=8001)
    verb("openapi", run_openapi, "print the API's OpenAPI document")


def run_web(args: argparse.Namespace) -> None:
    settings = app.load_settings()
    if not settings.database_url:
        raise Conflict("web needs DATABASE_URL; `app.py up` starts a database of its own")
    bind = args.bind or f"0.0.0.0:{settings.port}"
    os.execv(sys.executable, [sys.executable, *gunicorn(bind)])


def run_worker(_: argparse.Namespace) -> None:
    settings = app.load_settings()
    if not settings.redis_url or not settings.database_url:
        raise Conflict(
            "a worker needs DATABASE_URL and REDIS_URL; without Redis the scheduler works"
        )
    parts = app.compose(settings, settings.database_url, settings.redis_url)
    worker.run(parts.rows(), settings.redis_url, settings.state_dir / "worker.alive")


def run_scheduler(_: argparse.Namespace) -> None:
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    with service() as parts:
        rows = parts.rows()
        Scheduler(
            parts.engine,
            parts.units,
            rows,
            Bulk(parts.units, rows, per_second=parts.settings.bulk_per_second),
            parts.doorbell,
            parts.schedules(),
            sweep_seconds=parts.settings.periods.sweep_seconds,
            settle_seconds=parts.settings.periods.settle_seconds,
            alive_file=parts.settings.state_dir / "scheduler.alive",
        ).run(stop)


def run_migrate(args: argparse.Namespace) -> None:
    import migrations  # large, and of no use to the processes that stay

    settings = app.load_settings()
    with stores(settings) as opened:
        if args.undo:
            migrations.downgrade(opened.database_url, f"-{args.undo}")
        else:
            migrations.upgrade(opened.database_url)
        print(f"schema is at {migrations.current(opened.database_url)}")


def run_sandbox(args: argparse.Namespace) -> None:
    settings = app.load_settings()
    env = os.environ | sandbox_env(settings, args.port)
    os.execve(sys.executable, [sys.executable, *sandbox_gunicorn(args.port)], env)


def run_openapi(_: argparse.Namespace) -> None:
    with service() as parts:
        client = app.edge(parts).test_client()
        document = client.get("/api/v1/openapi.json").get_json()
    print(json.dumps(document, indent=2, sort_keys=True))


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
