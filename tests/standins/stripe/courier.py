"""The stand-in's webhooks: signed as Stripe signs them, and as faulty as a test wants them."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections.abc import Callable
from typing import Any

from tests.standins import courier

Told = dict[str, Any]
Post = Callable[[str, bytes, dict[str, str]], int]


def signature(body: bytes, secret: str, at: float | None = None) -> str:
    moment = int(time.time() if at is None else at)
    digest = hmac.new(secret.encode(), f"{moment}.".encode() + body, hashlib.sha256)
    return f"t={moment},v1={digest.hexdigest()}"


class Courier(courier.Courier[Told]):
    """url: where to post; None keeps what happens in the events list alone.

    ahead: seconds its time stamps are ahead. account: whose event it is, None for our own.
    """

    def __init__(self, secret: str, post: Post = courier.post):
        super().__init__()
        self.url: str | None = None
        self.secret = secret
        self.post = post
        self.dropped: list[Told] = []
        self.answers: list[tuple[str, int]] = []

    def behave(self) -> None:
        """Each event once, in order, now, of our own account."""
        super().behave()
        self.ahead = 0.0
        self.account: str | None = None

    def take(self, event: Told) -> None:
        if self.url is not None and not self.keep(event):
            self.dropped.append(event)

    def carry(self, one: Told) -> int:
        return self.send(one)

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
