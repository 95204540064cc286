"""One conversation with the mail server (RFC 5321): connect, greet, hand a message over.

What a message says is `messages.py`'s business.
"""

from __future__ import annotations

import contextlib
import ipaddress
import re
import smtplib
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from bridge.integrations.lines import hang_up_after
from crm.core.errors import Denied, Outward, Permanent, Temporary, Uncertain
from crm.core.uow import refuse_inside_unit

CONNECT_SECONDS = 3.0
PORTS = {"smtp": 25, "smtps": 465}
# At the beginning only (RFC 2034): further on it may be a part of somebody's IP address.
_ENHANCED = re.compile(rb"([245]\.\d{1,3}\.\d{1,3})(?!\S)")


class Refused(Permanent):
    """status: the enhanced status code (RFC 3463) the server gave, empty when it gave none."""

    def __init__(self, detail: str, status: str):
        super().__init__(detail)
        self.status = status


@dataclass(frozen=True)
class MailServer:
    """greeting: the name we give ourselves. seconds: the most a whole conversation may take."""

    host: str
    port: int
    has_tls: bool
    greeting: str
    seconds: float
    username: str = ""
    password: str = field(default="", repr=False)

    def hand_over(self, sender: str, recipient: str, message: bytes) -> None:
        """Let the server take one message.

        Raises Temporary (not taken, may work later), Denied (sign-in refused), Refused (this
        recipient or message, for good), Uncertain (the line broke after the message had begun to leave).
        """
        refuse_inside_unit()
        is_about_them = is_leaving = False
        try:
            with self.session() as smtp:
                _expect_yes(smtp.mail(sender))
                is_about_them = True
                _expect_yes(smtp.rcpt(recipient))
                is_leaving = True
                _expect_yes(smtp.data(message))
                # It is theirs now, whatever becomes of the goodbye.
                with contextlib.suppress(OSError, smtplib.SMTPException):
                    smtp.quit()
        except smtplib.SMTPResponseException as error:
            raise _refusal(error, is_about_them=is_about_them) from error
        except (OSError, smtplib.SMTPException) as error:
            kind = type(error).__name__
            if is_leaving:
                raise Uncertain(f"the line to the mail server broke ({kind})") from error
            raise Temporary(f"no conversation with the mail server ({kind})") from error

    @contextmanager
    def session(self) -> Iterator[smtplib.SMTP]:
        """A greeted and, where there is a user, signed-in session.

        Raises OSError, smtplib.SMTPException.
        """
        with _watched(self) as smtp:
            smtp.ehlo_or_helo_if_needed()
            if not self.has_tls and smtp.has_extn("starttls"):
                smtp.starttls(context=ssl.create_default_context())
                smtp.ehlo()
            self._sign_in(smtp)
            yield smtp

    def _sign_in(self, smtp: smtplib.SMTP) -> None:
        if not self.username:
            return
        if not isinstance(smtp.sock, ssl.SSLSocket) and not is_here(self.host):
            raise smtplib.SMTPNotSupportedError("no TLS: the password is not sent in the clear")
        smtp.login(self.username, self.password)


class _Watched(smtplib.SMTP):
    """Ends when its time is over."""

    def __init__(self, server: MailServer):
        self._server = server
        self.watch = hang_up_after(server.seconds, lambda: self.sock)
        try:
            super().__init__(server.host, server.port, server.greeting, CONNECT_SECONDS)
        except BaseException:
            self.watch.cancel()
            raise

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        line = socket.create_connection((host, port), timeout)
        line.settimeout(self._server.seconds)
        if self._server.has_tls:
            return ssl.create_default_context().wrap_socket(line, server_hostname=host)
        return line


@contextmanager
def _watched(server: MailServer) -> Iterator[_Watched]:
    smtp = _Watched(server)
    try:
        yield smtp
    finally:
        smtp.watch.cancel()
        smtp.close()


def mail_server(url: str, sender: str, seconds: float) -> MailServer:
    """url: smtp[s]://user:password@host:port, signs in both escaped as in every address."""
    parts = urlsplit(url)
    return MailServer(
        host=parts.hostname or "",
        port=parts.port or PORTS[parts.scheme],
        has_tls=parts.scheme == "smtps",
        greeting=sender.rpartition("@")[2],
        seconds=seconds,
        username=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
    )


def _expect_yes(answer: tuple[int, bytes]) -> None:
    # 250, and also 251 and 252 (RFC 5321, 4.2).
    if answer[0] // 10 != 25:
        raise smtplib.SMTPResponseException(*answer)


def _refusal(error: smtplib.SMTPResponseException, *, is_about_them: bool) -> Outward:
    """The server's words stay out: they name the recipient.

    is_about_them: it was refused after the recipient was named. Before that (greeting, STARTTLS,
    MAIL FROM) a refusal is about the server or us, and other addresses would fare no better.
    """
    said = error.smtp_error if isinstance(error.smtp_error, bytes) else b""
    enhanced = _ENHANCED.match(said)
    status = enhanced[1].decode() if enhanced else ""
    detail = f"the mail server answered {error.smtp_code} {status}".rstrip()
    if isinstance(error, smtplib.SMTPAuthenticationError):
        return Denied(detail)
    if 500 <= error.smtp_code < 600 and is_about_them:
        return Refused(detail, status)
    return Temporary(detail)


def is_here(host: str) -> bool:
    """Whether a host is this machine, so that nobody listens on the line."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
