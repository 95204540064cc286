"""The stand-in's webhooks: signed as Stripe signs them, and as faulty as a test wants them.

Events wait until `deliver` posts them; `post_alone` does so in the background. What was not taken
(no 2xx) stays and is posted again.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import random
import threading
import time
from collections.abc import Callable
from typing import Any

import requests

Told = dict[str, Any]
Post = Callable[[str, bytes, dict[str, str]], int]


def signature(body: bytes, secret: str, at: float | None = None) -> str:
    moment = int(time.time() if at is None else at)
    digest = hmac.new(secret.encode(), f"{moment}.".encode() + body, hashlib.sha256)
    return f"t={moment},v1={digest.hexdigest()}"


class Courier:
    """url: where to post; None keeps what happens in the events list alone.

    dice: decides what is doubled, shuffled and dropped. ahead: seconds its time stamps are ahead.
    """

    def __init__(self, secret: str, post: Post | None = None):
        self.url: str | None = None
        self.secret = secret
        self.post = post or _post
        self.waiting: list[Told] = []
        self.dropped: list[Told] = []
        self.answers: list[tuple[str, int]] = []
        self.dice = random.Random(0)
        self._lock = threading.RLock()
        self._stop: threading.Event | None = None
        self.behave()

    def behave(self) -> None:
        """Each event once, in order, now, of our own account."""
        self.doubles = self.drops = 0.0
        self.shuffles = False
        self.ahead = 0.0
        self.account: str | None = None

    def take(self, event: Told) -> None:
        with self._lock:
            if self.url is None:
                return
            if self.dice.random() < self.drops:
                self.dropped.append(event)
                return
            self.waiting += [event] * (2 if self.dice.random() < self.doubles else 1)

    def deliver(self, most: int | None = None) -> list[int]:
        """Post what waits. Returns the answers; what was refused waits again."""
        with self._lock:
            if self.shuffles:
                self.dice.shuffle(self.waiting)
            now, self.waiting = self.waiting[:most], self.waiting[most:] if most else []
        answers = [self.send(event) for event in now]
        with self._lock:
            self.waiting += [
                event for event, status in zip(now, answers, strict=True) if not 200 <= status < 300
            ]
        return answers

    def send(self, event: Told, *, secret: str | None = None, at: float | None = None) -> int:
        """Post one event now."""
        told = event | ({"account": self.account} if self.account else {})
        body = json.dumps(told, indent=2).encode()
        at = time.time() + self.ahead if at is None else at
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "Stripe-Signature": signature(body, secret or self.secret, at),
        }
        status = self.post(self.url or "", body, headers)
        self.answers.append((event["type"], status))
        return status

    def post_alone(self, every_seconds: float = 0.05) -> None:
        self._stop = threading.Event()

        def work(stop: threading.Event) -> None:
            while not stop.wait(every_seconds):
                if self.waiting:
                    self.deliver()

        threading.Thread(target=work, args=(self._stop,), daemon=True).start()

    def close(self) -> None:
        if self._stop is not None:
            self._stop.set()


def _post(url: str, body: bytes, headers: dict[str, str]) -> int:
    try:
        return requests.post(url, data=body, headers=headers, timeout=10).status_code
    except requests.RequestException:
        return 0
