"""Reads a file from an address that somebody else wrote down (reliability.md, rule 19).

Only Chatwoot itself may stand in a private network, and only its redirects to itself are followed.

Chatwoot writes its own files under the address that browsers know (its FRONTEND_URL), which need
not lead anywhere from here; they are asked for at the address in our settings.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO
from urllib.parse import SplitResult, urljoin, urlsplit

import urllib3

from bridge.integrations import targets
from crm.core.errors import Permanent, Temporary
from crm.core.uow import refuse_inside_unit

MOST_REDIRECTS = 3
_STORAGE_PATH = "/rails/active_storage/"  # of Chatwoot's own files and their redirects
_RETRIED = (408, 425, 429)


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
            there = _origin(targets.split(self._at_home(url)))
            if self._home is None or not self._home == _origin(target) == there:
                raise Permanent("it redirects away from Chatwoot")
        raise Permanent("too many redirects")

    def _at_home(self, url: str) -> str:
        parts = targets.split(url)
        if not self._home_url or not parts.path.startswith(_STORAGE_PATH):
            return url
        query = f"?{parts.query}" if parts.query else ""
        return f"{self._home_url.rstrip('/')}{parts.path}{query}"

    def _checked(self, url: str) -> SplitResult:
        parts = targets.split(url)
        if _origin(parts) != self._home and targets.port(parts) != targets.PORTS[parts.scheme]:
            raise Permanent("not on the port of its scheme")
        return parts

    @contextmanager
    def _answer(self, parts: SplitResult, deadline: float) -> Iterator[urllib3.BaseHTTPResponse]:
        address = targets.resolve(
            parts, lambda one: _origin(parts) == self._home or targets.is_public(one)
        )
        seconds = max(0.1, deadline - time.monotonic())
        headers = {"Accept-Encoding": "identity", "User-Agent": "mendline"}
        with targets.exchange("GET", parts, address, seconds, headers) as response:
            yield response


class _Timed:
    """A response body that must come in time, however slowly it drips."""

    def __init__(self, response: urllib3.BaseHTTPResponse, deadline: float):
        self._response = response
        self._deadline = deadline

    def read(self, size: int = -1) -> bytes:
        try:
            content = self._response.read1(size)
        except urllib3.exceptions.HTTPError as error:
            raise Temporary(f"the line failed: {type(error).__name__}") from error
        # Asked afterwards: a line that was cut then looks like the end of the file.
        if time.monotonic() > self._deadline:
            raise Temporary("it took too long")
        return content


def _refuse_fault(status: int) -> None:
    if status in _RETRIED or status >= 500:
        raise Temporary(f"its server answered {status}")
    if status == 404:
        raise NotThere("its server has no such file")
    if status != 200:
        raise Permanent(f"its server answered {status}")


def _origin(parts: SplitResult) -> tuple[str, str, int]:
    return parts.scheme, (parts.hostname or "").lower(), targets.port(parts)
