"""Twilio's API through its own library, with our time-outs and our family of errors."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import requests
from twilio.base.exceptions import TwilioException
from twilio.http.http_client import TwilioHttpClient
from twilio.http.response import Response
from twilio.rest import Client
from werkzeug.http import parse_date

from bridge.settings import TwilioSettings
from crm.core.errors import Denied, Outward, Permanent, Temporary, Uncertain
from crm.core.uow import refuse_inside_unit
from crm.texting.templates import Filled

CONNECT_SECONDS = 3.0
LISTED = 20  # how many of the latest messages to one number are looked through
OWN_HOST = "https://api.twilio.com"
_SECONDS = re.compile(r"[0-9]{1,9}")
_SERVICE = re.compile(r"MG[0-9a-zA-Z]{32}")
# The library would write every request to the log, addresses and all.
_silence = logging.getLogger("twilio.silence")
_silence.disabled = True


@dataclass(frozen=True)
class Sent:
    """sid: Twilio's own name for the message."""

    sid: str


class Refused(Permanent):
    """error: Twilio's number for it, None when it gave none."""

    def __init__(self, detail: str, error: int | None):
        super().__init__(detail)
        self.error = error


class _Line(TwilioHttpClient):
    """base: stands in for Twilio's own address (TWILIO_API_BASE)."""

    def __init__(self, base: str, seconds: float):
        super().__init__(logger=_silence)
        self._base = base
        self.timeout = (CONNECT_SECONDS, seconds)

    def request(self, method: str, url: str, *args: Any, **kwargs: Any) -> Response:
        if not url.startswith(f"{OWN_HOST}/"):
            raise ValueError("the library asks for another host of Twilio's")
        answer = super().request(method, self._base + url.removeprefix(OWN_HOST), *args, **kwargs)
        if answer.status_code >= 400:
            # Here, because the library keeps the headers to itself, and of a list the status too.
            raise _refusal(answer)
        return answer


class Texting:
    """sender: a number, a messaging service or a name. kind: what Twilio writes before numbers of
    this channel, such as `whatsapp:`.

    callback: where Twilio tells what became of a message; None where it could not reach us.
    """

    def __init__(
        self, told: TwilioSettings, sender: str, public_url: str, seconds: float, kind: str = ""
    ):
        self._client = Client(
            told.account_sid, told.auth_token, http_client=_Line(told.api_base, seconds)
        )
        self.sender = sender
        self._kind = kind
        here = (urlsplit(public_url).hostname or "") in ("localhost", "127.0.0.1", "::1")
        self._callback = None if here else f"{public_url}/webhooks/twilio/status"

    def send(self, to: str, words: str | Filled, query: str, sender: str | None = None) -> Sent:
        """query: comes back with every status of this message. sender: another than the usual one.

        Raises Temporary, Denied, Refused, Uncertain (the answer was lost).
        """
        how = self._from(sender)
        if isinstance(words, Filled):
            numbered = {str(number): value for number, value in enumerate(words.values, start=1)}
            how |= {"content_sid": words.content_sid, "content_variables": json.dumps(numbered)}
        else:
            how["body"] = words
        if self._callback:
            how["status_callback"] = f"{self._callback}?{query}"
        try:
            refuse_inside_unit()
            return Sent(self._client.messages.create(to=self._kind + to, **how).sid)
        except requests.ConnectTimeout as error:
            raise Temporary("no connection to Twilio") from error
        except (requests.RequestException, TwilioException, ValueError) as error:
            raise Uncertain(f"Twilio's answer was lost ({type(error).__name__})") from error

    def find(
        self,
        to: str,
        wordings: Sequence[Sequence[str]],
        not_before: datetime,
        sender: str | None = None,
    ) -> list[Sent]:
        """Messages to this number that have every part of one of these wordings, newest first.

        Parts, because a trial account puts its own words before ours, and of a template we know the
        variables only. Raises Temporary, Denied, Refused.
        """
        # A service sends from any of its numbers.
        how = {name: value for name, value in self._from(sender).items() if name == "from_"}
        try:
            refuse_inside_unit()
            latest = self._client.messages.list(
                to=self._kind + to, limit=LISTED, page_size=LISTED, **how
            )
        except Uncertain as error:
            # Nothing is changed by looking.
            raise Temporary(error.detail) from error
        except (requests.RequestException, TwilioException, ValueError) as error:
            raise Temporary(f"Twilio could not be asked ({type(error).__name__})") from error
        found = []
        for one in latest:
            body = one.body or ""
            is_ours = any(all(part in body for part in parts) for parts in wordings)
            if is_ours and one.date_created is not None and one.date_created >= not_before:
                found.append(Sent(one.sid))
        return found

    def _from(self, sender: str | None) -> dict[str, str]:
        chosen = self._kind + (sender or self.sender)
        is_service = _SERVICE.fullmatch(chosen) is not None
        return {"messaging_service_sid" if is_service else "from_": chosen}


def _refusal(answer: Response) -> Outward:
    """Twilio's words stay out: they name the number."""
    status, error = answer.status_code, _error_of(answer.text)
    detail = f"Twilio answered {status}" + (f", error {error}" if error else "")
    if status in (401, 403):
        return Denied(detail)
    if status in (408, 425, 429):
        return Temporary(detail, after=_asked_wait((answer.headers or {}).get("Retry-After", "")))
    if status >= 500:
        return Uncertain(detail)
    return Refused(detail, error)


def _asked_wait(header: str) -> float | None:
    """Retry-After is a number of seconds or a date."""
    if _SECONDS.fullmatch(header):
        return float(header)
    moment = parse_date(header)
    return max((moment - datetime.now(UTC)).total_seconds(), 0.0) if moment else None


def _error_of(body: str) -> int | None:
    """Twilio's number for what went wrong."""
    try:
        told = json.loads(body)
    except ValueError:
        return None
    code = told.get("code") if isinstance(told, dict) else None
    return code if isinstance(code, int) else None
