"""The conversation with a mail server: sign-in, TLS, and servers that waste our time."""

from __future__ import annotations

import datetime
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from bridge.integrations.mail.server import MailServer, mail_server
from crm.core.errors import Denied, Permanent, Temporary
from tests.faults.harness import free_port
from tests.post import PostOffice

MESSAGE = b"Subject: hello\r\n\r\nHello\r\n"


@contextmanager
def office(**how) -> Iterator[PostOffice]:
    made = PostOffice(free_port())
    controller = Controller(
        made, hostname="127.0.0.1", port=int(made.url.rpartition(":")[2]), **how
    )
    controller.start()
    try:
        yield made
    finally:
        controller.stop()


def hand_over(server: MailServer) -> None:
    server.hand_over("desk@quay.example", "ilse@example.org", MESSAGE)


def test_signs_in_with_escaped_signs():
    def check(server, session, envelope, mechanism, data) -> AuthResult:
        return AuthResult(success=(data.login, data.password) == (b"quay", b"s e:cret"))

    with office(authenticator=check, auth_require_tls=False, auth_required=True) as post:
        url = post.url.replace("smtp://", "smtp://quay:s%20e%3Acret@")
        server = mail_server(url, "desk@quay.example", 5)
        hand_over(server)
        assert len(post.mails) == 1
        assert "cret" not in repr(server)


def test_a_refused_sign_in_pauses_the_destination():
    answers = [b"250-hi\r\n250 AUTH PLAIN\r\n", b"535 5.7.8 not you, quay\r\n"]

    def refuse(line: socket.socket) -> None:
        line.sendall(b"220 hi\r\n")
        for answer in answers:
            line.recv(1000)
            line.sendall(answer)

    with _talking(refuse) as port, pytest.raises(Denied) as refused:
        hand_over(mail_server(f"smtp://quay:wrong@127.0.0.1:{port}", "desk@quay.example", 5))
    assert refused.value.detail == "the mail server answered 535 5.7.8"


def test_a_certificate_nobody_vouches_for_is_not_trusted(tmp_path: Path):
    with office(tls_context=_own_certificate(tmp_path)) as post:
        with pytest.raises(Temporary):
            hand_over(mail_server(post.url, "desk@quay.example", 5))
        assert post.mails == []


@pytest.mark.parametrize(
    "greeting", [b"554 5.3.2 not today\r\n", b"421 busy\r\n", b"SSH-2.0-x\r\n", b""]
)
def test_a_server_that_does_not_want_to_talk(greeting: bytes):
    with _talking(lambda line: line.sendall(greeting)) as port, pytest.raises(Temporary):
        hand_over(MailServer("127.0.0.1", port, False, "quay.example", 5))


@pytest.mark.parametrize("has_tls", [False, True])
def test_a_server_that_drips_costs_no_more_than_its_time(has_tls: bool):
    def drip(line: socket.socket) -> None:
        for _ in range(100):
            line.sendall(b"2")
            time.sleep(0.1)

    started = time.monotonic()
    with _talking(drip) as port, pytest.raises(Temporary):
        hand_over(MailServer("127.0.0.1", port, has_tls, "quay.example", 0.5))
    assert time.monotonic() - started < 2


def test_an_answer_that_is_no_answer_is_no_success():
    wrong = b"220 hi\r\n250 hi\r\n999 what\r\n"
    with _talking(lambda line: line.sendall(wrong)) as port, pytest.raises((Temporary, Permanent)):
        hand_over(MailServer("127.0.0.1", port, False, "quay.example", 2))


@contextmanager
def _talking(say) -> Iterator[int]:
    """A server that says one thing to whoever calls, and hangs up."""
    with socket.create_server(("127.0.0.1", 0)) as door:

        def serve() -> None:
            line, _ = door.accept()
            with line:
                try:
                    say(line)
                    line.settimeout(0.5)
                    line.recv(100)
                except OSError:
                    pass  # the caller has left, which is what it should do

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield door.getsockname()[1]
        thread.join(5)


def _own_certificate(folder: Path) -> ssl.SSLContext:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(1).not_valid_before(now).not_valid_after(now + datetime.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    pem = folder / "own.pem"
    pem.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + made.public_bytes(serialization.Encoding.PEM)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    return context


@pytest.mark.parametrize(
    ("refused", "raised"),
    [(b"STARTTLS", Temporary), (b"MAIL", Temporary), (b"RCPT", Permanent), (b"DATA", Permanent)],
)
def test_only_what_follows_the_recipient_is_about_the_recipient(refused: bytes, raised: type):
    def say(line: socket.socket) -> None:
        line.sendall(b"220 hi\r\n")
        with line.makefile("rb") as lines:
            for command in lines:
                if command.upper().startswith(refused):
                    line.sendall(b"550 5.7.1 no\r\n")
                elif command.upper().startswith(b"EHLO"):
                    offers = (
                        b"250-hi\r\n250 STARTTLS\r\n" if refused == b"STARTTLS" else b"250 hi\r\n"
                    )
                    line.sendall(offers)
                else:
                    line.sendall(b"250 ok\r\n")

    with _talking(say) as port, pytest.raises(raised):
        hand_over(MailServer("127.0.0.1", port, False, "quay.example", 5))
