"""The stand-in's webhooks: statuses and messages from phones, signed as Twilio signs them.

What becomes of a message waits until `deliver` posts it; `post_alone` does so in the background.
Twilio promises no order; `shuffles`, `doubles` and `drops` say how bad it gets.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import requests
from twilio.request_validator import RequestValidator

Form = dict[str, str]
Post = Callable[[str, Form, dict[str, str]], int]
HAPPY = ("queued", "sent", "delivered")


class Courier:
    """public: our service's configured address, which is what is signed; url: where it really is.

    fates: number -> the statuses its messages go through, `failed:30003` with an error's number.
    outruns: every status is posted before the request for the message is answered. What is not
    taken stays and is posted again.
    """

    def __init__(self, account: str, token: str, public: str, post: Post | None = None):
        self.url: str | None = None
        self.account, self.public = account, public
        self.post = post or _post
        self.fates: dict[str, tuple[str, ...]] = {}
        self.waiting: list[tuple[str, Form]] = []
        self.answers: list[int] = []
        self.dice = random.Random(0)
        self._validator = RequestValidator(token)
        self._lock = threading.RLock()
        self._stop: threading.Event | None = None
        self._on_their_way = False
        self.behave()

    def behave(self) -> None:
        """Each status once, in order, a moment later."""
        self.doubles = self.drops = 0.0
        self.shuffles = self.outruns = False

    def take(self, message: dict[str, Any], callback: str | None) -> None:
        if self.url is None or callback is None:
            return
        for fate in self.fates.get(message["to"], HAPPY):
            status, _, error = fate.partition(":")
            form = self.status(message["sid"], status, error, To=message["to"])
            if self.outruns:
                self.send(callback, form)
            elif self.dice.random() >= self.drops:
                times = 2 if self.dice.random() < self.doubles else 1
                with self._lock:
                    self.waiting += [(callback, form)] * times

    def status(self, sid: str, status: str, error: str = "", **fields: str) -> Form:
        form = {"MessageSid": sid, "SmsSid": sid, "MessageStatus": status, "SmsStatus": status,
                "AccountSid": self.account, "ApiVersion": "2010-04-01"}  # fmt: skip
        return form | ({"ErrorCode": error} if error else {}) | fields

    def writes(self, words: str, sid: str, sender: str, **fields: str) -> int:
        """Somebody writes to our number. sender: with `whatsapp:`, where it is that."""
        form = {"MessageSid": sid, "AccountSid": self.account, "From": sender, "Body": words,
                "NumMedia": "0"}  # fmt: skip
        return self.send(f"{self.public}/webhooks/twilio/inbound", form | fields)

    @property
    def is_busy(self) -> bool:
        return bool(self.waiting) or self._on_their_way

    def deliver(self) -> list[int]:
        """Post what waits. Returns the answers; what was refused waits again."""
        with self._lock:
            if self.shuffles:
                self.dice.shuffle(self.waiting)
            self._on_their_way = True
            now, self.waiting = self.waiting, []
        answers = [self.send(*one) for one in now]
        with self._lock:
            self.waiting += [
                one for one, answer in zip(now, answers, strict=True) if not 200 <= answer < 300
            ]
            self._on_their_way = False
        return answers

    def send(self, address: str, form: Form, *, signature: str | None = None) -> int:
        """Post one form now."""
        where = urlsplit(address)
        target = f"{self.url}{where.path}" + (f"?{where.query}" if where.query else "")
        proof = signature or self._validator.compute_signature(address, form)
        answer = self.post(target, form, {"X-Twilio-Signature": proof})
        self.answers.append(answer)
        return answer

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


def _post(url: str, form: Form, headers: dict[str, str]) -> int:
    try:
        return requests.post(url, data=form, headers=headers, timeout=10).status_code
    except requests.RequestException:
        return 0
