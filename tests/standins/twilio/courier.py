"""The stand-in's webhooks: statuses and messages from phones, signed as Twilio signs them.

Twilio promises no order; `shuffles`, `doubles` and `drops` say how bad it gets.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from twilio.request_validator import RequestValidator

from tests.standins import courier

Form = dict[str, str]
Post = Callable[[str, Form, dict[str, str]], int]
HAPPY = ("queued", "sent", "delivered")


class Courier(courier.Courier[tuple[str, Form]]):
    """public: our service's configured address, which is what is signed; url: where it really is.

    fates: number -> the statuses its messages go through, `failed:30003` with an error's number.
    outruns: every status is posted before the request for the message is answered.
    """

    def __init__(self, account: str, token: str, public: str, post: Post = courier.post):
        super().__init__()
        self.url: str | None = None
        self.account, self.public = account, public
        self.post = post
        self.fates: dict[str, tuple[str, ...]] = {}
        self.answers: list[int] = []
        self._validator = RequestValidator(token)

    def behave(self) -> None:
        """Each status once, in order, a moment later."""
        super().behave()
        self.outruns = False

    def take(self, message: dict[str, Any], callback: str | None) -> None:
        if self.url is None or callback is None:
            return
        for fate in self.fates.get(message["to"], HAPPY):
            status, _, error = fate.partition(":")
            form = self.status(message["sid"], status, error, To=message["to"])
            if self.outruns:
                self.send(callback, form)
            else:
                self.keep((callback, form))

    def status(self, sid: str, status: str, error: str = "", **fields: str) -> Form:
        form = {"MessageSid": sid, "SmsSid": sid, "MessageStatus": status, "SmsStatus": status,
                "AccountSid": self.account, "ApiVersion": "2010-04-01"}  # fmt: skip
        return form | ({"ErrorCode": error} if error else {}) | fields

    def writes(self, words: str, sid: str, sender: str, **fields: str) -> int:
        """Somebody writes to our number. sender: with `whatsapp:`, where it is that."""
        form = {"MessageSid": sid, "AccountSid": self.account, "From": sender, "Body": words,
                "NumMedia": "0"}  # fmt: skip
        return self.send(f"{self.public}/webhooks/twilio/inbound", form | fields)

    def carry(self, one: tuple[str, Form]) -> int:
        return self.send(*one)

    def send(self, address: str, form: Form, *, signature: str | None = None) -> int:
        """Post one form now."""
        where = urlsplit(address)
        target = f"{self.url}{where.path}" + (f"?{where.query}" if where.query else "")
        proof = signature or self._validator.compute_signature(address, form)
        answer = self.post(target, form, {"X-Twilio-Signature": proof})
        self.answers.append(answer)
        return answer
