"""One Chatwoot, whichever the account: how it fares, its release, and what that release can do.

What differs between releases is in `versions.py`.
"""

from __future__ import annotations

import time

from chatwoot.http import Wire
from chatwoot.objects import Health
from chatwoot.versions import Capabilities, Version, capabilities_of, parse
from crm.core.errors import Temporary
from crm.core.headers import http_date

VERSION_SECONDS = 600


class Installation:
    """Every call raises as `Wire.send` does."""

    def __init__(self, wire: Wire):
        self._wire = wire
        self._version: tuple[Version, float] | None = None

    def health(self) -> Health:
        """Version and state of Chatwoot's own stores (selfhost.md 5: 200 even when failing)."""
        answer = self._wire.send("GET", "/api")
        told = answer.data if isinstance(answer.data, dict) else {}
        return Health(
            version=str(told.get("version", "")),
            queue_ok=told.get("queue_services") == "ok",
            data_ok=told.get("data_services") == "ok",
            at=http_date(answer.headers.get("Date")),
        )

    def version(self) -> Version:
        """For example (4, 14, 0); asked again after ten minutes, since Chatwoot gets upgraded.

        Raises Temporary too when the answer is no version: a proxy's page, say.
        """
        if self._version is None or time.monotonic() > self._version[1]:
            try:
                version = parse(self.health().version)
            except ValueError as error:
                raise Temporary("Chatwoot does not tell its version") from error
            self._version = version, time.monotonic() + VERSION_SECONDS
        return self._version[0]

    def capabilities(self) -> Capabilities:
        return capabilities_of(self.version())

    def known_capabilities(self) -> Capabilities | None:
        """As far as known without asking."""
        return capabilities_of(self._version[0]) if self._version else None
