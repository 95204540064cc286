"""Verbs that run one thing in this process: `worker`, `scheduler`, `migrate`, `openapi`."""

from __future__ import annotations

import argparse
import json
import signal
import threading
from collections.abc import Callable

import app
from bridge.cli.parts import service, stores
from crm.core.errors import Conflict
from jobs import worker
from jobs.bulk import Bulk
from jobs.scheduler import Scheduler


def add_verbs(verb: Callable, _: Callable) -> None:
    verb("worker", run_worker, "run rows that are rung for through Redis")
    verb("scheduler", run_scheduler, "hand over due rows and run the periodic duties")
    migrate = verb("migrate", run_migrate, "bring the database schema up to date")
    migrate.add_argument("--undo", type=int, metavar="N", help="take back the last N steps instead")
    verb("openapi", run_openapi, "print the API's OpenAPI document")


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


def run_openapi(_: argparse.Namespace) -> None:
    with service() as parts:
        client = app.edge(parts).test_client()
        document = client.get("/api/v1/openapi.json").get_json()
    print(json.dumps(document, indent=2, sort_keys=True))
