"""What a failure of Chatwoot's means: the one place that decides between the outward errors.

A request that surely did nothing is `Temporary`; one that may have done something is `Uncertain`;
refusals are `Denied` (credentials) or `Rejected` (this very request). Texts made here reach logs
and ops pages, so they hold no token, no person and no message.
"""

from __future__ import annotations

import json
import re
import ssl
from collections.abc import Mapping
from datetime import UTC, datetime

import requests
from requests import exceptions
from urllib3 import exceptions as low_level

from crm.core.errors import Denied, Outward, Permanent, Temporary, Uncertain
from crm.core.headers import retry_after

NOTHING_WAS_SENT = (
    low_level.NewConnectionError,
    low_level.ConnectTimeoutError,
    low_level.ProxyError,
)
UNUSABLE_REQUEST = (
    exceptions.InvalidJSONError,
    exceptions.InvalidURL,
    exceptions.MissingSchema,
    exceptions.InvalidSchema,
    exceptions.InvalidHeader,
)


class Rejected(Permanent):
    """Chatwoot refused this very request (api.md 1.5).

    status_code: the HTTP status. attributes: the fields a 422 complains about, maybe none.
    """

    def __init__(self, detail: str, *, status_code: int, attributes: tuple[str, ...] = ()):
        super().__init__(detail)
        self.status_code = status_code
        self.attributes = attributes


class Gone(Rejected):
    """404: there is no such record, or no longer."""


def in_doubt(detail: str, reads: bool) -> Outward:
    """The fault of a request whose outcome is unknown; reads: it changes nothing over there."""
    return Temporary(detail) if reads else Uncertain(detail)


def of_line(error: requests.RequestException | low_level.HTTPError, reads: bool) -> Outward:
    """A request without a complete answer. Names the kind only: the text holds addresses."""
    kind = type(error).__name__
    if isinstance(error, UNUSABLE_REQUEST):
        return Permanent(f"the request to Chatwoot cannot be made ({kind})")
    reason = getattr(error.args[0], "reason", None) if error.args else None
    never_left = (
        isinstance(error, exceptions.ConnectTimeout)
        or isinstance(reason, NOTHING_WAS_SENT)
        or _caused_by_certificate(reason)
    )
    if never_left:
        return Temporary(f"no connection to Chatwoot ({kind})")
    return in_doubt(f"the line to Chatwoot broke ({kind})", reads)


def _caused_by_certificate(reason: Exception | None) -> bool:
    cause = reason.args[0] if isinstance(reason, low_level.SSLError) and reason.args else None
    return isinstance(cause, ssl.SSLCertVerificationError)


def of_status(status: int, headers: Mapping[str, str], raw: bytes, reads: bool) -> Outward | None:
    """The fault an answer reports by its status (api.md 1.5), None for 2xx."""
    if 200 <= status < 300:
        return None
    if status >= 500:
        return in_doubt(f"Chatwoot answered {status}", reads)
    if status == 429:
        after = retry_after(headers.get("Retry-After"), datetime.now(UTC))
        return Temporary("Chatwoot answered 429", after=after)
    if status in (408, 425):
        return Temporary(f"Chatwoot answered {status}")
    message, attributes = _complaint(raw)
    detail = f"Chatwoot answered {status}" + (f": {message}" if message else "")
    if status in (401, 403):
        return Denied(detail)
    kind = Gone if status == 404 else Rejected
    return kind(detail, status_code=status, attributes=attributes)


def _complaint(raw: bytes) -> tuple[str, tuple[str, ...]]:
    """What a 4xx body says (api.md 1.5) and the fields it names; other shapes say nothing."""
    try:
        body = json.loads(raw)
    except ValueError:
        return "", ()
    if not isinstance(body, dict):
        return "", ()
    said = body.get("message") or body.get("error") or body.get("errors") or ""
    fields = body.get("attributes")
    attributes = tuple(map(str, fields)) if isinstance(fields, list) else ()
    return _without_persons(said if isinstance(said, str) else json.dumps(said)), attributes


def _without_persons(text: str) -> str:
    """Error texts reach logs and ops pages: quoted words, addresses and numbers stay out."""
    text = re.sub(r"\S+@\S+", "…", text[:1000])
    text = re.sub(r"\+?\d[\d ()-]{5,}\d", "…", text)
    text = re.sub(r"'[^']*'|`[^']*'|“[^”]*”", "…", text)
    return " ".join(text.split())[:200]
