"""A mail server that delivers nothing: what is sent to it is kept and shown on the sandbox's page."""

from __future__ import annotations

from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import TYPE_CHECKING

from aiosmtpd.controller import Controller

from .times import now

if TYPE_CHECKING:
    from aiosmtpd.smtp import SMTP, Envelope, Session

    from .site import Site

MOST_KEPT = 200
MOST_BYTES = 5 * 1024 * 1024


class Catcher:
    """Takes every message for every recipient (called by aiosmtpd)."""

    def __init__(self, site: Site):
        self._site = site

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        message = message_from_bytes(envelope.content or b"", policy=policy.default)
        store = self._site.store
        with store.transaction():
            store.insert(
                "mail",
                {
                    "from": str(message["From"] or envelope.mail_from),
                    "to": list(envelope.rcpt_tos),
                    "subject": str(message["Subject"] or ""),
                    "message_id": str(message["Message-ID"] or ""),
                    "text": _text(message),
                    "received_at": now(),
                },
            )
            for old in store.all("mail")[:-MOST_KEPT]:
                store.delete("mail", old)
        return "250 OK"


def open_catcher(site: Site, port: int) -> Controller:
    """Listen on this machine only, in a thread that ends with the process."""
    catcher = Controller(Catcher(site), hostname="127.0.0.1", port=port, data_size_limit=MOST_BYTES)
    catcher.start()
    return catcher


def _text(message: EmailMessage) -> str:
    body = message.get_body(preferencelist=("plain", "html"))
    return str(body.get_content()).replace("\r\n", "\n").strip() if body is not None else ""
