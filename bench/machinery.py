"""Starts what a bench measures, on stores of its own in a temporary directory, and removes it."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

import migrations
from jobs import children
from jobs import stores as launcher
from jobs.places import place_for
from jobs.stores import Stores

ROOT = Path(__file__).parents[1]
READY_SECONDS = 60.0
STOP_SECONDS = 60.0
SECRET = secrets.token_hex(24)


@contextmanager
def state_directory() -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="mendline-bench-"))
    homes = {path, place_for(path).home}
    try:
        yield path
    finally:
        for home in homes:
            shutil.rmtree(home)


@contextmanager
def migrated_stores(state_dir: Path) -> Iterator[Stores]:
    """Durable stores with the newest schema."""
    with launcher.start(state_dir, database_url=None, redis_url=None) as stores:
        migrations.upgrade(stores.database_url)
        yield stores


@contextmanager
def served(app: str, stores: Stores, state_dir: Path, **environ: str) -> Iterator[int]:
    """`app` behind gunicorn as the service is served, and nothing else. Yields its port.

    environ: settings beside those that every run needs.
    """
    port = free_port()
    env = {
        "DATABASE_URL": stores.database_url,
        "REDIS_URL": stores.redis_url or "",
        "STATE_DIR": str(state_dir),
        "CHATWOOT_WEBHOOK_SECRET": SECRET,
        "PROMETHEUS_MULTIPROC_DIR": str(state_dir / f"metrics-{port}"),
    } | environ
    argv = ["-m", "gunicorn", "-c", "bridge/gunicorn.py", "-b", f"127.0.0.1:{port}", app]
    with _running(argv, env, state_dir / f"{port}.log") as process:
        _wait_until_answering(process, f"http://127.0.0.1:{port}/healthz")
        yield port


@dataclass(frozen=True)
class Service:
    """A running `app.py up`. sandbox: its control API's address."""

    port: int
    process: subprocess.Popen[bytes]
    stores: Stores

    def play(self, method: str, path: str, body: Any = None) -> Any:
        url = f"http://127.0.0.1:{self.port + 1}/sandbox/api{path}"
        answer = requests.request(method, url, json=body, timeout=120)
        answer.raise_for_status()
        return answer.json()


@contextmanager
def whole_service(state_dir: Path, *, workers: int = 2, **env: str) -> Iterator[Service]:
    """Everything: stores, web, workers, scheduler and the sandbox with its throttles lifted."""
    port = free_port(together=3)
    env |= {"PORT": str(port), "STATE_DIR": str(state_dir), "CHATWOOT_WEBHOOK_SECRET": SECRET}
    argv = ["app.py", "up", "--workers", str(workers)]
    with _running(argv, env, state_dir / "up.log") as process:
        _wait_until_answering(process, f"http://127.0.0.1:{port}/readyz")
        with launcher.start(state_dir, database_url=None, redis_url=None) as stores:
            service = Service(port, process, stores)
            service.play("PUT", "/faults", {"rate_limit_per_minute": 1_000_000})
            yield service


@contextmanager
def _running(
    argv: Sequence[str], env: Mapping[str, str], log: Path
) -> Iterator[subprocess.Popen[bytes]]:
    clean = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    with log.open("wb") as output:
        process = children.spawn([sys.executable, *argv], env=clean | env, output=output, cwd=ROOT)
        try:
            yield process
        finally:
            children.stop(process, (signal.SIGTERM, STOP_SECONDS))


def _wait_until_answering(process: subprocess.Popen[bytes], url: str) -> None:
    """Raises TimeoutError, or RuntimeError when the process has ended."""
    deadline = time.monotonic() + READY_SECONDS
    while not _answers(url):
        if process.poll() is not None:
            raise RuntimeError(f"{process.args} ended with exit code {process.returncode}")
        if time.monotonic() > deadline:
            raise TimeoutError(f"{url} did not answer within {READY_SECONDS:g} seconds")
        time.sleep(0.02)


def _answers(url: str) -> bool:
    """Whether it answers, be it that there is no such page."""
    try:
        return requests.get(url, timeout=2).status_code in (200, 404)
    except requests.RequestException:
        return False


def free_port(*, together: int = 1) -> int:
    """The first of `together` neighbouring ports that nobody listens on."""
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        if all(_is_free(port + offset) for offset in range(together)):
            return port


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        return port < 65536 and probe.connect_ex(("127.0.0.1", port)) != 0
