"""Addresses that somebody else wrote down, and how they are called (reliability.md, rule 19).

The name is resolved once, every address it has is checked, and the connection goes to a checked
one, so a name that changes its mind in between gains nothing. Which addresses may be called, and
what redirects mean, is the caller's to say.
"""

from __future__ import annotations

import ipaddress
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from http.client import HTTPException
from urllib.parse import SplitResult, urlsplit

import requests.certs
from urllib3 import BaseHTTPResponse
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError

from bridge.integrations.lines import hang_up_after
from crm.core.errors import Permanent, Temporary

CONNECT_SECONDS = 3.0
PORTS = {"http": 80, "https": 443}
# All of IPv6 that is given out as public; a part of it may still hide an IPv4 address (6to4, Teredo),
# and what that is routed to is not ours to guess.
_GIVEN_OUT = ipaddress.ip_network("2000::/3")
_TUNNELS = tuple(ipaddress.ip_network(one) for one in ("2002::/16", "2001::/32"))


def split(url: str) -> SplitResult:
    """The parts of a plain http or https address. Raises Permanent."""
    try:
        parts = urlsplit(url)
        port(parts)
    except ValueError as error:
        raise Permanent("not an address") from error
    if not url.isascii() or any(sign <= " " for sign in url):
        raise Permanent("not an address")
    if parts.scheme not in PORTS or not parts.hostname or "@" in parts.netloc:
        raise Permanent("not a plain http or https address")
    return parts


def port(parts: SplitResult) -> int:
    return parts.port or PORTS.get(parts.scheme, 0)


def resolve(parts: SplitResult, may_call: Callable[[str], bool]) -> str:
    """An IP address of the name, all of which may be called. Raises Temporary, Permanent."""
    try:
        found = socket.getaddrinfo(parts.hostname, port(parts), type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise Temporary("its name cannot be resolved") from error
    addresses = [str(one[4][0]) for one in found]
    if not all(may_call(one) for one in addresses):
        raise Permanent("it leads into a private network")
    return addresses[0]


@contextmanager
def exchange(
    method: str,
    parts: SplitResult,
    address: str,
    seconds: float,
    headers: Mapping[str, str],
    body: bytes | None = None,
) -> Iterator[BaseHTTPResponse]:
    """One request to that very address, whatever the name says by now, and its answer.

    seconds: for all of it, the reading of the body included; then the line is cut, so that a body
    without a length may seem to be whole. Nothing is decoded, no redirect followed.
    Raises Temporary; reading the body raises urllib3's HTTPError.
    """
    over = time.monotonic() + seconds
    line = _line(parts, address, seconds)
    with ExitStack() as ending:
        ending.callback(line.close)
        try:
            line.connect()
            wire, line.timeout = line.sock, seconds
            watch = hang_up_after(over - time.monotonic(), lambda: wire)
            ending.callback(watch.cancel)
            line.request(
                method, _path(parts), body, {"Host": parts.netloc, **headers},
                preload_content=False, decode_content=False,
            )  # fmt: skip
            response = line.getresponse()
        except (OSError, HTTPException, HTTPError) as error:
            raise Temporary(f"the line failed: {type(error).__name__}") from error
        ending.callback(response.close)
        yield response


def is_public(address: str) -> bool:
    """Whether an IP address is one of the open internet."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address) and (
        ip not in _GIVEN_OUT or any(ip in tunnel for tunnel in _TUNNELS)
    ):
        return False
    return ip.is_global and not ip.is_multicast


def _path(parts: SplitResult) -> str:
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


def _line(parts: SplitResult, address: str, seconds: float) -> HTTPConnection:
    """Its certificate must fit the name."""
    timeout = min(CONNECT_SECONDS, seconds)
    if parts.scheme != "https":
        return HTTPConnection(address, port(parts), timeout=timeout)
    return HTTPSConnection(
        address,
        port(parts),
        timeout=timeout,
        cert_reqs="CERT_REQUIRED",
        ca_certs=requests.certs.where(),
        server_hostname=parts.hostname,
    )
