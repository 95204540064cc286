"""One HTTP exchange with Chatwoot: token, rate, time-outs, size cap, JSON.

What a failure means is decided in `faults.py`; paths, bodies and typed results are `client.py`'s
business; asking again is the outbox relay's.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import requests
import urllib3

from chatwoot import faults
from chatwoot.throttle import Throttle
from crm.core.errors import Denied, Permanent, Uncertain
from crm.core.uow import refuse_inside_unit

MAX_ANSWER_BYTES = 20 * 1024 * 1024
CHUNK_BYTES = 64 * 1024

T = TypeVar("T")


@dataclass(frozen=True)
class Answer:
    """headers: case-insensitive. data: parsed JSON, None for an empty body."""

    headers: Mapping[str, str]
    data: Any


class Wire:
    """Sends JSON to one Chatwoot installation under one user's (or its bot's) token."""

    def __init__(
        self,
        base_url: str,
        token: str,
        *,
        bot_token: str | None = None,
        timeout: tuple[float, float] = (3.0, 10.0),
        throttle: Throttle | None = None,
        session: requests.Session | None = None,
    ):
        self.base_url = base_url.rstrip("/")
        self._token = token
        self._bot_token = bot_token
        self._timeout = timeout
        self._throttle = throttle or Throttle()
        self._session = session or requests.Session()

    def ask(
        self,
        method: str,
        path: str,
        shape: Callable[[Any], T],
        **options: Any,
    ) -> T:
        """`send`, and read what is needed out of the parsed body with `shape`.

        A body of another shape (a proxy's JSON, say) is in doubt like one that is not JSON.
        """
        answer = self.send(method, path, **options)
        try:
            return shape(answer.data)
        except (KeyError, IndexError, TypeError, AttributeError, ValueError) as error:
            detail = "Chatwoot's answer has an unknown shape"
            raise faults.in_doubt(detail, reads=method == "GET") from error

    def send(
        self,
        method: str,
        path: str,
        *,
        body: dict[str, Any] | None = None,
        params: dict[str, Any] | None = None,
        as_bot: bool = False,
        conversation: str | None = None,
    ) -> Answer:
        """One request, tried once.

        path: below the base address. conversation: set for a message, so that the
        per-conversation rate counts too.

        Raises Temporary (nothing happened: no connection, 408, 425, 429, a failed read, no
        place in the rate), Denied (401, 403), Gone (404), Rejected (3xx and other 4xx),
        Uncertain (a write whose answer was lost, unreadable or 5xx).
        """
        refuse_inside_unit()
        reads = method == "GET"
        self._throttle.wait(self.base_url, conversation)
        headers = {
            # nginx drops header names with underscores (api.md 1.1).
            "Api-Access-Token": self._token_of(as_bot),
            "Accept": "application/json",
            "User-Agent": "mendline",
        }
        deadline = time.monotonic() + self._timeout[1]
        try:
            with self._session.request(
                method,
                self.base_url + path,
                json=body,
                params=params,
                headers=headers,
                timeout=self._timeout,
                allow_redirects=False,
                stream=True,
            ) as response:
                raw = _read(response, deadline, reads)
        except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
            raise faults.of_line(error, reads) from error
        refusal = faults.of_status(response.status_code, response.headers, raw, reads)
        if refusal is not None:
            raise refusal
        return Answer(response.headers, _parsed(raw, reads))

    def _token_of(self, as_bot: bool) -> str:
        if not as_bot:
            return self._token
        if not self._bot_token:
            raise Denied("no agent bot token is known; run provision")
        return self._bot_token


def _read(response: requests.Response, deadline: float, reads: bool) -> bytes:
    """The whole body, within the size cap and the total time."""
    raw = bytearray()
    # read1 returns what has come; other ways wait for a full chunk, however slowly it drips in.
    while chunk := response.raw.read1(CHUNK_BYTES, decode_content=True):
        raw += chunk
        if len(raw) > MAX_ANSWER_BYTES:
            detail = "Chatwoot's answer is larger than allowed"
            raise Permanent(detail) if reads else Uncertain(detail)
        if time.monotonic() > deadline:
            raise faults.in_doubt("Chatwoot's answer took too long", reads)
    return bytes(raw)


def _parsed(raw: bytes, reads: bool) -> Any:
    if not raw.strip():
        return None
    try:
        return json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise faults.in_doubt("Chatwoot's answer is not JSON", reads) from error
