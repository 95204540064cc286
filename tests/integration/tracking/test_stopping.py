"""A web process with open streams stops at once, and tells their pages to come back."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
import requests

from crm.core.shop import Links
from tests.integration.tracking.conftest import Tracked, until

ROOT = Path(__file__).parents[3]
SECRET = "k3y-for-tests-that-is-long-enough-0123456789"


@pytest.mark.parametrize("viewers", [0, 5])
def test_sigterm_ends_the_streams(mendline, db, tmp_path, viewers):
    tracked = Tracked(mendline)
    token = Links("", (SECRET,)).track(tracked.id, datetime.now(UTC))
    env = {
        "PATH": os.environ["PATH"], "DATABASE_URL": db, "STATE_DIR": str(tmp_path),
        "SECRET_KEY": SECRET, "WEB_WORKERS": "1",
    }  # fmt: skip
    port = _free_port()
    bind = f"127.0.0.1:{port}"
    argv = [sys.executable, "-m", "gunicorn", "-c", "bridge/gunicorn.py", "-b", bind, "app:web()"]
    with subprocess.Popen(argv, cwd=ROOT, env=env, stderr=subprocess.DEVNULL) as process:
        try:
            until(lambda: _answers(port), 20)
            url = f"http://{bind}{token}/events"
            streams = [requests.get(url, stream=True, timeout=10) for _ in range(viewers)]
            assert all(next(one.iter_lines()).startswith(b"retry: ") for one in streams)
            process.send_signal(signal.SIGTERM)
            started = time.monotonic()
            process.wait(15)
            assert time.monotonic() - started < 5
        finally:
            process.kill()


def _answers(port: int) -> bool:
    try:
        return requests.get(f"http://127.0.0.1:{port}/healthz", timeout=1).ok
    except requests.RequestException:
        return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
