"""The door outward against a server that lies, drips, redirects and ends early."""

import http.server
import threading
import time
from collections.abc import Iterator

import pytest

from bridge.integrations.files.door import Door
from bridge.integrations.targets import is_public
from crm.core.errors import Permanent, Temporary


class Odd(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        kind = self.path.split("?")[0].rpartition("/")[2]
        if kind.isdigit():
            self.send_response(int(kind))
            self.send_header("Content-Length", "0")
            self.end_headers()
        elif kind in ("self", "home", "away", "loop"):
            home = "https://chat.example/rails/active_storage/fine"
            targets = {"self": "/fine", "home": home, "away": "http://127.0.0.2/fine",
                       "loop": "/loop"}  # fmt: skip
            self.send_response(302)
            self.send_header("Location", targets[kind])
            self.send_header("Content-Length", "0")
            self.end_headers()
        elif kind == "fine":
            self.send_response(200)
            self.send_header("Content-Length", "4")
            self.end_headers()
            self.wfile.write(b"fine")
        elif kind == "slowly":
            self.wfile.write(b"HTTP/1.1 200 OK\r\nX: ")
            for _ in range(40):
                self.wfile.write(b"x")
                self.server.gate.wait(0.1)
        else:  # cut, drip
            self.send_response(200)
            self.send_header("Content-Length", "1000")
            self.end_headers()
            self.wfile.write(b"x")
            if kind == "drip":
                self.wfile.flush()
                self.server.gate.wait(5)

    def log_message(self, *_: object) -> None:
        return


@pytest.fixture(scope="module")
def odd() -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Odd)
    server.gate = threading.Event()
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.gate.set()
    server.shutdown()
    server.server_close()


def read(door: Door, url: str) -> bytes:
    content = b""
    with door.open(url) as stream:
        while chunk := stream.read(10):
            content += chunk
    return content


def test_chatwoot_itself_may_be_private_and_redirect_to_itself(odd):
    door = Door(odd, 5)
    assert read(door, f"{odd}/fine?x=1") == b"fine"
    assert read(door, f"{odd}/self") == b"fine"


def test_its_files_are_asked_for_where_our_settings_say(odd):
    """Chatwoot writes the address of browsers, for example behind a proxy or in a container."""
    door = Door(odd, 5)
    assert read(door, "https://chat.example/rails/active_storage/fine") == b"fine"
    assert read(door, "http://localhost:1/rails/active_storage/home") == b"fine"
    with pytest.raises(Permanent):
        read(Door("", 5), "http://localhost/rails/active_storage/fine")


@pytest.mark.parametrize("path", ["away", "loop", "404", "403", "204"])
def test_what_is_not_to_be_had(odd, path):
    with pytest.raises(Permanent):
        read(Door(odd, 5), f"{odd}/{path}")


def test_headers_that_drip_cost_no_more_than_the_time_of_a_file(odd):
    started = time.monotonic()
    with pytest.raises(Temporary):
        read(Door(odd, 0.5), f"{odd}/slowly")
    assert time.monotonic() - started < 1.5


@pytest.mark.parametrize("path", ["500", "503", "429", "cut", "drip"])
def test_what_may_work_later(odd, path):
    with pytest.raises(Temporary):
        read(Door(odd, 0.5), f"{odd}/{path}")


def test_others_may_not_be_private(odd):
    for chatwoot in ("", "http://chat.example"):
        with pytest.raises(Permanent):
            read(Door(chatwoot, 5), f"{odd}/fine")


def test_nobody_listens(odd):
    with pytest.raises(Temporary):
        read(Door("http://127.0.0.1:1", 2), "http://127.0.0.1:1/fine")


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("93.184.216.34", True),
        ("2606:2800:220:1:248:1893:25c8:1946", True),
        ("10.1.2.3", False),
        ("172.16.0.1", False),
        ("192.168.1.1", False),
        ("127.0.0.1", False),
        ("169.254.169.254", False),
        ("100.64.0.1", False),
        ("0.0.0.0", False),
        ("224.0.0.1", False),
        ("255.255.255.255", False),
        ("::1", False),
        ("::", False),
        ("fe80::1%eth0", False),
        ("fd00::1", False),
        ("ff02::1", False),
        ("::ffff:192.168.1.1", False),
        ("::ffff:93.184.216.34", False),
        ("::ffff:0:192.168.1.1", False),
        ("::192.168.1.1", False),
        ("::7f00:1", False),
        ("64:ff9b::a00:1", False),
        ("64:ff9b:1::a00:1", False),
        ("2002:a00:1::", False),
        ("2001:0:a00:1::", False),
        ("2001:db8::1", False),
        ("100::1", False),
        ("fec0::1", False),
        ("4000::1", False),
        ("2a00:1450:4003:80f::200e", True),
    ],
)
def test_which_addresses_are_public(address, public):
    assert is_public(address) is public
