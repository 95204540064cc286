"""Reads a file from an address that somebody else wrote down (reliability.md, rule 19).

The name is resolved once, every address it has is checked, and the connection goes to a checked
one, so a name that changes its mind in between gains nothing. Only Chatwoot itself may stand in a
private network, and only its redirects to itself are followed.

Chatwoot writes its own files under the address that browsers know (its FRONTEND_URL), which need
not lead anywhere from here; they are asked for at the address in our settings.
"""

from __future__ import annotations

import ipaddress
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO
from urllib.parse import SplitResult, urljoin, urlsplit

import requests.certs
import urllib3
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool

from crm.core.errors import Permanent, Temporary
from crm.core.uow import refuse_inside_unit

CONNECT_SECONDS = 3.0
MOST_REDIRECTS = 3
_PORTS = {"http": 80, "https": 443}
_STORAGE_PATH = "/rails/active_storage/"  # of Chatwoot's own files and their redirects
_RETRIED = (408, 425, 429)
# An IPv4 address may hide in these; what it is then routed to is not ours to guess.
_TUNNELS = tuple(ipaddress.ip_network(one) for one in ("64:ff9b::/96", "2002::/16", "2001::/32"))


class NotThere(Permanent):
    """404. Right after its message a file may not be there yet (chatwoot webhooks.md 6)."""


class Door:
    """chatwoot_url: its origin, or empty. total_seconds: for one file, redirects included."""

    def __init__(self, chatwoot_url: str, total_seconds: float):
        self._home = _origin(urlsplit(chatwoot_url)) if chatwoot_url else None
        self._home_url = chatwoot_url
        self._total = total_seconds

    @contextmanager
    def open(self, url: str) -> Iterator[BinaryIO]:
        """The body as a stream. Raises Permanent (not allowed, refused; NotThere), Temporary."""
        refuse_inside_unit()
        deadline = time.monotonic() + self._total
        for _ in range(MOST_REDIRECTS + 1):
            target = self._checked(self._at_home(url))
            with self._answer(target, deadline) as response:
                if not response.get_redirect_location():
                    _refuse_fault(response.status)
                    yield _Timed(response, deadline)
                    return
                url = urljoin(url, response.headers["Location"])
            there = _origin(_split(self._at_home(url)))
            if self._home is None or not self._home == _origin(target) == there:
                raise Permanent("it redirects away from Chatwoot")
        raise Permanent("too many redirects")

    def _at_home(self, url: str) -> str:
        parts = _split(url)
        if not self._home_url or not parts.path.startswith(_STORAGE_PATH):
            return url
        query = f"?{parts.query}" if parts.query else ""
        return f"{self._home_url.rstrip('/')}{parts.path}{query}"

    def _checked(self, url: str) -> SplitResult:
        parts = _split(url)
        if parts.scheme not in _PORTS or not parts.hostname or "@" in parts.netloc:
            raise Permanent("not a plain http or https address")
        if _origin(parts) != self._home and _port(parts) != _PORTS[parts.scheme]:
            raise Permanent("not on the port of its scheme")
        return parts

    def _address(self, parts: SplitResult) -> str:
        try:
            found = socket.getaddrinfo(parts.hostname, _port(parts), type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            raise Temporary("its name cannot be resolved") from error
        addresses = [str(one[4][0]) for one in found]
        if _origin(parts) != self._home and not all(is_public(one) for one in addresses):
            raise Permanent("it leads into a private network")
        return addresses[0]

    @contextmanager
    def _answer(self, parts: SplitResult, deadline: float) -> Iterator[urllib3.BaseHTTPResponse]:
        address = self._address(parts)
        left = max(0.1, deadline - time.monotonic())
        timeout = urllib3.Timeout(connect=min(CONNECT_SECONDS, left), read=left)
        if parts.scheme == "https":
            pool: HTTPConnectionPool = HTTPSConnectionPool(
                address,
                _port(parts),
                timeout=timeout,
                cert_reqs="CERT_REQUIRED",
                ca_certs=requests.certs.where(),
                assert_hostname=parts.hostname,
                server_hostname=parts.hostname,
            )
        else:
            pool = HTTPConnectionPool(address, _port(parts), timeout=timeout)
        headers = {"Host": parts.netloc, "Accept-Encoding": "identity", "User-Agent": "mendline"}
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        try:
            with pool:
                response = pool.urlopen(
                    "GET", path, headers=headers, redirect=False, retries=False,
                    preload_content=False, decode_content=False,
                )  # fmt: skip
                yield response
                response.close()
        except urllib3.exceptions.HTTPError as error:
            raise Temporary(f"the line failed: {type(error).__name__}") from error


class _Timed:
    """A response body that must come in time, however slowly it drips."""

    def __init__(self, response: urllib3.BaseHTTPResponse, deadline: float):
        self._response = response
        self._deadline = deadline

    def read(self, size: int = -1) -> bytes:
        if time.monotonic() > self._deadline:
            raise Temporary("it took too long")
        return self._response.read1(size)


def is_public(address: str) -> bool:
    """Whether an IP address is one of the open internet."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.ipv4_mapped:
            ip = ip.ipv4_mapped
        elif any(ip in tunnel for tunnel in _TUNNELS):
            return False
    return ip.is_global and not ip.is_multicast


def _refuse_fault(status: int) -> None:
    if status in _RETRIED or status >= 500:
        raise Temporary(f"its server answered {status}")
    if status == 404:
        raise NotThere("its server has no such file")
    if status != 200:
        raise Permanent(f"its server answered {status}")


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        _port(parts)
    except ValueError as error:
        raise Permanent("not an address") from error
    if not url.isascii() or any(sign <= " " for sign in url):
        raise Permanent("not an address")
    return parts


def _port(parts: SplitResult) -> int:
    return parts.port or _PORTS.get(parts.scheme, 0)


def _origin(parts: SplitResult) -> tuple[str, str, int]:
    return parts.scheme, (parts.hostname or "").lower(), _port(parts)
