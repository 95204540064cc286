"""Fetches what came back from a mailbox (IMAP, RFC 3501): each unseen mail is read once.

A mail is marked as seen after its report was committed; after a crash between the two it is read
again, and kept once. What is no report is only marked: nobody reads that mailbox otherwise.
"""

from __future__ import annotations

import contextlib
import imaplib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from bridge.integrations.mail import bounces, inbound
from bridge.integrations.mail.server import is_here
from crm.core.errors import Denied, Temporary
from crm.core.uow import Units, refuse_inside_unit

EVERY_SECONDS = 60.0
MOST_A_ROUND = 50
PORTS = {"imap": 143, "imaps": 993}


@dataclass(frozen=True)
class MailBox:
    """seconds: the longest silence of the server."""

    host: str
    port: int
    has_tls: bool
    folder: str
    seconds: float
    username: str
    password: str = field(repr=False)

    @contextmanager
    def session(self) -> Iterator[imaplib.IMAP4]:
        """Signed in, with the folder open. Raises Temporary, Denied (sign-in refused)."""
        refuse_inside_unit()
        try:
            with self._connected() as imap:
                self._sign_in(imap)
                folder = self.folder.replace("\\", "\\\\").replace('"', '\\"')
                _expect_yes(imap.select(f'"{folder}"'), "opening the folder")
                yield imap
        except (OSError, imaplib.IMAP4.error) as error:
            kind = type(error).__name__
            raise Temporary(f"no conversation with the bounce mailbox ({kind})") from error

    @contextmanager
    def _connected(self) -> Iterator[imaplib.IMAP4]:
        context = ssl.create_default_context()
        if self.has_tls:
            imap = imaplib.IMAP4_SSL(
                self.host, self.port, ssl_context=context, timeout=self.seconds
            )
        else:
            imap = imaplib.IMAP4(self.host, self.port, timeout=self.seconds)
        try:
            if not self.has_tls and "STARTTLS" in imap.capabilities:
                imap.starttls(context)
            elif not self.has_tls and not is_here(self.host):
                raise Temporary("no TLS: the password is not sent in the clear")
            yield imap
        finally:
            # What was to be said is said; a broken goodbye changes nothing.
            with contextlib.suppress(OSError, imaplib.IMAP4.error):
                imap.logout()

    def _sign_in(self, imap: imaplib.IMAP4) -> None:
        try:
            if "AUTH=PLAIN" in imap.capabilities:
                secret = f"\0{self.username}\0{self.password}".encode()
                imap.authenticate("PLAIN", lambda _: secret)
            else:
                imap.login(self.username, self.password)
        except imaplib.IMAP4.abort:
            raise  # the line broke, which says nothing about the password
        except imaplib.IMAP4.error as error:
            raise Denied("the bounce mailbox refuses the sign-in") from error


class Round:
    """domain: of our own mails."""

    def __init__(self, box: MailBox, units: Units, domain: str):
        self._box = box
        self._units = units
        self._domain = domain

    def run(self) -> int:
        """Returns how many new reports were kept. Raises Temporary, Denied."""
        count = 0
        with self._box.session() as imap:
            found = _expect_yes(imap.uid("SEARCH", "UNSEEN"), "searching")
            numbers = (found[0] or b"").decode("ascii", "replace").split()[:MOST_A_ROUND]
            read = [bounces.read(_fetched(imap, number)) for number in numbers]
            with self._units() as uow:
                for bounce in read:
                    count += bounce is not None and inbound.take_in(uow, bounce, self._domain)
            if numbers:
                seen = imap.uid("STORE", ",".join(numbers), "+FLAGS.SILENT", r"(\Seen)")
                _expect_yes(seen, "marking as seen")
        return count


def mail_box(url: str, seconds: float) -> MailBox:
    """url: imap[s]://user:password@host:port/folder, signs in user and password escaped."""
    parts = urlsplit(url)
    return MailBox(
        host=parts.hostname or "",
        port=parts.port or PORTS[parts.scheme],
        has_tls=parts.scheme == "imaps",
        folder=unquote(parts.path.strip("/")) or "INBOX",
        seconds=seconds,
        username=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
    )


def _fetched(imap: imaplib.IMAP4, number: str) -> bytes:
    """The beginning of a mail; empty when it was removed meanwhile."""
    what = f"(BODY.PEEK[]<0.{bounces.MOST_READ}>)"
    parts = _expect_yes(imap.uid("FETCH", number, what), "reading a mail")
    return next((part[1] for part in parts if isinstance(part, tuple)), b"")


def _expect_yes(answer: tuple[str, list], doing: str) -> list:
    status, data = answer
    if status != "OK":
        raise Temporary(f"the bounce mailbox refused {doing}")
    return data
