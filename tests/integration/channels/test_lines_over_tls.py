"""A call over TLS: the certificate must be vouched for and fit the name, and a drip costs its time only."""

from __future__ import annotations

import datetime
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests.certs
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from bridge.integrations import targets
from crm.core.errors import Temporary

NAME, SECONDS = "till.example", 0.5


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """With its key, for NAME, by nobody but itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, NAME)])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(1).not_valid_before(now).not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(NAME)]), critical=False)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    pem = tmp_path / "own.pem"
    pem.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return pem


@pytest.fixture
def vouched(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(requests.certs, "where", lambda: str(certificate))
    return certificate


@contextmanager
def server(say: Callable[[socket.socket], None]) -> Iterator[int]:
    """A port that does `say` with whoever calls."""
    with socket.create_server(("127.0.0.1", 0)) as door:

        def serve() -> None:
            try:
                line, _ = door.accept()
                with line:
                    say(line)
            except OSError:
                pass  # the caller has left, which is what it should do

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield door.getsockname()[1]
        thread.join(5)


def over_tls(certificate: Path, *parts: bytes, every: float = 0.0) -> Callable:
    def say(line: socket.socket) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        with context.wrap_socket(line, server_side=True) as inside:
            inside.recv(65536)
            for part in parts:
                inside.sendall(part)
                time.sleep(every)

    return say


def post(port: int, name: str = NAME) -> bytes:
    parts = targets.split(f"https://{name}:{port}/events")
    with targets.exchange("POST", parts, "127.0.0.1", SECONDS, {}, b"{}") as answer:
        assert answer.status == 200
        return answer.read(100)


ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nheard"


def test_a_certificate_that_fits_is_taken(vouched: Path):
    with server(over_tls(vouched, ANSWER)) as port:
        assert post(port) == b"heard"


def test_one_for_another_name_is_not(vouched: Path):
    with server(over_tls(vouched, ANSWER)) as port, pytest.raises(Temporary) as refused:
        post(port, "other.example")
    assert "SSLCertVerificationError" in refused.value.detail


def test_one_that_nobody_vouches_for_is_not(certificate: Path):
    with server(over_tls(certificate, ANSWER)) as port, pytest.raises(Temporary) as refused:
        post(port)
    assert "SSLCertVerificationError" in refused.value.detail


def test_a_drip_costs_no_more_than_its_time(vouched: Path):
    def greeting(line: socket.socket) -> None:
        line.recv(65536)
        line.sendall(b"\x16\x03\x03\x40\x00")  # a long message of the handshake
        for _ in range(40):
            line.sendall(b"\x02")
            time.sleep(0.1)

    status = over_tls(vouched, b"HTTP/1.1 ", *[b"2"] * 40, every=0.1)
    for say in (greeting, status):
        started = time.monotonic()
        with server(say) as port, pytest.raises(Temporary):
            post(port)
        assert time.monotonic() - started < SECONDS + 1
