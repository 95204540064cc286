"""A mail server for tests: it keeps what it takes, and misbehaves when told to."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from aiosmtpd.controller import Controller


class PostOffice:
    """mails: newest last. Each of `at_mail`, `at_rcpt`, `at_data` is the answer to give from now on.

    hang_seconds: how long it is silent after it took a message; drops: it then breaks the line;
    victim: a process it kills at that moment.
    """

    def __init__(self, port: int):
        self.url = f"smtp://127.0.0.1:{port}"
        self.behave()
        self.mails: list[EmailMessage] = []
        self.recipients: list[str] = []

    def behave(self) -> None:
        self.at_mail = self.at_rcpt = self.at_data = ""
        self.hang_seconds, self.drops = 0.0, False
        self.victim: int | None = None

    def empty(self) -> None:
        self.behave()
        self.mails.clear()
        self.recipients.clear()

    def text(self, number: int = -1) -> str:
        return self.mails[number].get_content().strip()

    # -- called by aiosmtpd

    async def handle_MAIL(self, server: Any, session: Any, envelope: Any, address: str, options: list) -> str:
        if not self.at_mail:
            envelope.mail_from = address
        return self.at_mail or "250 OK"

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: list) -> str:
        if not self.at_rcpt:
            envelope.rcpt_tos.append(address)
        return self.at_rcpt or "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        if self.at_data:
            return self.at_data
        self.mails.append(message_from_bytes(envelope.content, policy=policy.default))
        self.recipients += envelope.rcpt_tos
        if self.victim:
            os.kill(self.victim, signal.SIGKILL)
        if self.hang_seconds:
            await asyncio.sleep(self.hang_seconds)
        if self.drops:
            server.transport.abort()
        return "250 OK"


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
