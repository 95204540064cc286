"""The whole service as real processes beside a sandbox Chatwoot, for tests that break it.

Starts and kills processes, plays customers, agents and a shop system from outside. What came of it
is counted in `counting.py`.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import requests

import app
import migrations
from bridge.settings import load
from crm.core.events import SYSTEM
from crm.staff import service as staff
from jobs import children
from jobs.stores import Stores

ROOT = Path(__file__).parents[2]
ROLES = ("web", "worker", "scheduler")
PATIENCE = 30.0
PERIODS = {
    "LEASE_SECONDS": "2",
    "HEARTBEAT_SECONDS": "0.4",
    "SWEEP_SECONDS": "0.25",
    "SETTLE_SECONDS": "0.5",
    "HOLD_SECONDS": "0",
    "RECONCILE_SECONDS": "3600",
    "OUTGOING_TIMEOUT_SECONDS": "2",
    "RETRY_LADDER": ",".join(["0.2", "0.5", "1"] + ["2"] * 12),
}


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as line:
        return line.getsockname()[1]


def eventually(check: Callable[[], Any], what: str, seconds: float = PATIENCE) -> Any:
    deadline = time.monotonic() + seconds
    while not (value := check()):
        if time.monotonic() > deadline:
            raise AssertionError(f"in {seconds} s: {what}")
        time.sleep(0.05)
    return value


class Service:
    """Web, worker, scheduler and sandbox on free ports, over the given stores."""

    def __init__(self, stores: Stores, home: Path, *, with_redis: bool = True):
        self.stores = stores
        self.home = home
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.roles = ROLES if with_redis else ("web", "scheduler")
        self.port, self.sandbox_port = free_port(), free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.fuses = home / "fuses"
        self.fuses.mkdir()
        self.session = requests.Session()
        self.env = {
            "PATH": os.environ["PATH"],
            "SECRET_KEY": "k3y-for-tests-that-is-long-enough-0123456789",
            "STATE_DIR": str(home),
            "PUBLIC_URL": self.url,
            "PORT": str(self.port),
            "DATABASE_URL": stores.database_url,
            "WEB_WORKERS": "1",
            "LOG_FORMAT": "json",
            "CHATWOOT_RATE_PER_SECOND": "1000",
            "PYTHONUNBUFFERED": "1",
            "FUSES": str(self.fuses),
            **PERIODS,
        }
        if with_redis:
            self.env["REDIS_URL"] = stores.redis_url or ""

    def open(self) -> None:
        migrations.upgrade(self.stores.database_url)
        self._spawn("sandbox", "app.py", "sandbox", "--port", str(self.sandbox_port))
        self.play("PUT", "/faults", {"rate_limit_per_minute": 1e9})
        told = self.play("GET", "/credentials")
        self.agent = told["agent_id"]
        self.env |= {
            "CHATWOOT_URL": f"http://127.0.0.1:{self.sandbox_port}",
            "CHATWOOT_ACCOUNT_ID": str(told["account_id"]),
            "CHATWOOT_API_TOKEN": told["admin_token"],
        }
        self.run("provision")
        self.parts = app.compose(load(self.env), self.stores.database_url, None)
        with self.parts.units() as uow:
            self.key = staff.create_key(uow, self.parts.seal, SYSTEM, name="till", role="shop")
        self.heal()
        self.wait_ready()

    def close(self) -> None:
        for process in self.processes.values():
            children.stop(process, (signal.SIGTERM, 5.0))
        self.parts.engine.dispose()

    def run(self, *verb: str) -> str:
        """One verb of the command line, to its end."""
        done = subprocess.run(
            [sys.executable, "app.py", *verb],
            env=self.env,
            cwd=ROOT,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def heal(self) -> int:
        """Start what is not running. Returns how many had died."""
        count = 0
        for role in self.roles:
            process = self.processes.get(role)
            if process is None or process.poll() is not None:
                count += process is not None
                self.start(role)
        return count

    def start(self, role: str) -> None:
        if role == "web":
            self._spawn(role, "-m", "gunicorn", "-c", "bridge/gunicorn.py", "-b",
                        f"127.0.0.1:{self.port}", "tests.faults.victim:web()")  # fmt: skip
        else:
            self._spawn(role, "tests/faults/victim.py", role)

    def stop(self, role: str, number: signal.Signals = signal.SIGTERM) -> int:
        """Signal a role and wait for its end. Returns its exit code."""
        process = self.processes.pop(role)
        process.send_signal(number)
        code = process.wait(40)
        children.kill_session(process)
        return code

    def arm(self, role: str, step: int) -> None:
        draft = self.fuses / "draft"
        draft.write_text(str(step))
        draft.rename(self.fuses / role)

    def disarm(self, role: str) -> bool:
        """Whether the fuse had blown."""
        try:
            (self.fuses / role).unlink()
        except FileNotFoundError:
            return True
        return False

    def wait_ready(self) -> None:
        eventually(lambda: self._answers("/readyz"), "web is ready")

    def play(self, method: str, path: str, body: Any = None) -> Any:
        """The sandbox's own API: be a customer or an agent, or look."""
        url = f"http://127.0.0.1:{self.sandbox_port}/sandbox/api{path}"

        def ask() -> requests.Response | None:
            try:
                return self.session.request(method, url, json=body, timeout=20)
            except requests.ConnectionError:
                return None

        answer = eventually(ask, "the sandbox answers")
        answer.raise_for_status()
        return answer.json()

    def writes(self, name: str, text: str) -> tuple[int, int]:
        """A new customer writes. Returns (contact id, conversation number)."""
        told = self.play("POST", "/customers", {"name": name})
        contact = told["contact"]["id"]
        return contact, self.writes_again(contact, text)

    def writes_again(self, contact: int, text: str) -> int:
        path = f"/customers/{contact}/messages"
        return self.play("POST", path, {"content": text})["conversation_id"]

    def post_event(
        self, kind: str, data: dict[str, Any], message_id: str = "", tries: float = PATIENCE
    ) -> list[int]:
        """One signed shop event, repeated as a real sender does until it is taken. All answers."""
        body = json.dumps(
            {"type": kind, "timestamp": "2026-11-21T09:00:00Z", "data": data}
        ).encode()
        message_id = message_id or f"msg_{uuid.uuid4().hex}"
        answers: list[int] = []

        def send() -> bool:
            answers.append(self._post_signed(message_id, body))
            return answers[-1] in (200, 202)

        eventually(send, f"{kind} is taken: {answers}", tries)
        return answers

    def _post_signed(self, message_id: str, body: bytes) -> int:
        stamp = str(int(time.time()))
        secret = base64.b64decode(self.key.webhook_secret.removeprefix("whsec_"))
        signed = f"{message_id}.{stamp}.".encode() + body
        digest = base64.b64encode(hmac.new(secret, signed, hashlib.sha256).digest()).decode()
        headers = {
            "Content-Type": "application/json",
            "webhook-id": message_id,
            "webhook-timestamp": stamp,
            "webhook-signature": f"v1,{digest}",
        }
        url = self.url + self.key.webhook_path
        try:
            return self.session.post(url, data=body, headers=headers, timeout=10).status_code
        except requests.RequestException:
            return 0

    def faults(self, **switches: Any) -> None:
        self.play("PUT", "/faults", switches)

    def reconcile(self) -> int:
        """One pass, as the verb does it. Returns how many lost webhooks it found."""
        duty = next(s for s in self.parts.schedules() if s.name == "chatwoot.reconcile")
        return duty.run().found

    def _answers(self, path: str) -> bool:
        try:
            return self.session.get(self.url + path, timeout=5).status_code == 200
        except requests.RequestException:
            return False

    def _spawn(self, name: str, *arguments: str) -> None:
        with (self.home / f"{name}.log").open("ab") as log:
            self.processes[name] = children.spawn(
                [sys.executable, *arguments],
                env=self.env | {"PYTHONPATH": str(ROOT)},
                output=log,
                cwd=ROOT,
                when_orphaned=signal.SIGKILL,
            )
