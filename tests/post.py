"""A mail server for tests: it keeps what it takes, and misbehaves when told to."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from aiosmtpd.controller import Controller

SLOW_SECONDS = 2.0


class PostOffice:
    """mails: newest last. Each of `at_mail`, `at_rcpt`, `at_data` is the answer to give from now on.

    hang_seconds: how long it is silent after it took a message; drops: it then breaks the line;
    victim: a process it kills at that moment. What becomes of single tries is planned by `plan`.
    """

    def __init__(self, port: int):
        self.url = f"smtp://127.0.0.1:{port}"
        self.behave()
        self.mails: list[EmailMessage] = []
        self.recipients: list[str] = []
        self.kill: Callable[[], None] = lambda: None
        self._planned: dict[str, list[str]] = {}

    def plan(self, recipient: str, *kinds: str) -> None:
        """What becomes of the next tries, one each.

        kinds: an answer such as `450 4.2.1 busy`; `cut` and `kill` (calls `kill`) before the message
        is kept; `cut kept`, `slow kept` (a silence of SLOW_SECONDS) and `kill kept` after.
        """
        self._planned[recipient] = list(kinds)

    def to(self, recipient: str) -> list[EmailMessage]:
        """What was kept for one recipient."""
        pairs = zip(self.recipients, self.mails, strict=False)
        return [mail for one, mail in pairs if one == recipient]

    def behave(self) -> None:
        self.at_mail = self.at_rcpt = self.at_data = ""
        self.hang_seconds, self.drops = 0.0, False
        self.victim: int | None = None

    def empty(self) -> None:
        self.behave()
        self.mails.clear()
        self.recipients.clear()
        self._planned.clear()

    def text(self, number: int = -1) -> str:
        return self.mails[number].get_body(("plain",)).get_content().strip()

    # -- called by aiosmtpd

    async def handle_MAIL(
        self, server: Any, session: Any, envelope: Any, address: str, options: list
    ) -> str:
        if not self.at_mail:
            envelope.mail_from = address
        return self.at_mail or "250 OK"

    async def handle_RCPT(
        self, server: Any, session: Any, envelope: Any, address: str, options: list
    ) -> str:
        answer = self.at_rcpt or self._next(address, is_answer=True)
        if not answer:
            envelope.rcpt_tos.append(address)
        return answer or "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        if self.at_data:
            return self.at_data
        fault = self._next(envelope.rcpt_tos[0])
        if fault == "kill":
            self.kill()
        if fault in ("cut", "kill"):
            server.transport.abort()
            return "451 never heard"
        self.mails.append(message_from_bytes(envelope.content, policy=policy.default))
        self.recipients += envelope.rcpt_tos
        if self.victim:
            os.kill(self.victim, signal.SIGKILL)
        if fault == "kill kept":
            self.kill()
        if seconds := SLOW_SECONDS if fault == "slow kept" else self.hang_seconds:
            await asyncio.sleep(seconds)
        if self.drops or fault in ("cut kept", "kill kept"):
            server.transport.abort()
        return "250 OK"

    def _next(self, recipient: str, *, is_answer: bool = False) -> str:
        planned = self._planned.get(recipient)
        if not planned or planned[0][0].isdigit() != is_answer:
            return ""
        return planned.pop(0)


@contextmanager
def opened() -> Iterator[PostOffice]:
    with socket.create_server(("127.0.0.1", 0)) as line:
        port = line.getsockname()[1]
    office = PostOffice(port)
    controller = Controller(office, hostname="127.0.0.1", port=port, ready_timeout=10)
    controller.start()
    try:
        yield office
    finally:
        controller.stop()
