"""Addresses that somebody else wrote down, and how they are called (reliability.md, rule 19).

The name is resolved once, every address it has is checked, and the connection goes to a checked
one, so a name that changes its mind in between gains nothing. Which addresses may be called, and
what redirects mean, is the caller's to say.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable
from urllib.parse import SplitResult, urlsplit

import requests.certs
import urllib3
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool

from crm.core.errors import Permanent, Temporary

CONNECT_SECONDS = 3.0
PORTS = {"http": 80, "https": 443}
# An IPv4 address may hide in these; what it is then routed to is not ours to guess.
_TUNNELS = tuple(ipaddress.ip_network(one) for one in ("64:ff9b::/96", "2002::/16", "2001::/32"))


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


def path(parts: SplitResult) -> str:
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


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


def connection(parts: SplitResult, address: str, seconds: float) -> HTTPConnectionPool:
    """To that very address, whatever the name says by now; its certificate must fit the name."""
    timeout = urllib3.Timeout(connect=min(CONNECT_SECONDS, seconds), read=seconds)
    if parts.scheme != "https":
        return HTTPConnectionPool(address, port(parts), timeout=timeout)
    return HTTPSConnectionPool(
        address,
        port(parts),
        timeout=timeout,
        cert_reqs="CERT_REQUIRED",
        ca_certs=requests.certs.where(),
        assert_hostname=parts.hostname,
        server_hostname=parts.hostname,
    )


def is_public(address: str) -> bool:
    """Whether an IP address is one of the open internet."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.ipv4_mapped:
            ip = ip.ipv4_mapped
        elif any(ip in tunnel for tunnel in _TUNNELS):
            return False
    return ip.is_global and not ip.is_multicast
