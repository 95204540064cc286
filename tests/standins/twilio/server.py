"""The stand-in's HTTP side: taking messages and listing them, as Twilio documents it.

https://www.twilio.com/docs/messaging/api/message-resource. There is no idempotency key: every
request that is carried out makes a message. `Faults` says which answers go wrong, and how.
"""

from __future__ import annotations

import json
import re
import secrets
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any
from urllib.parse import urlencode

from flask import Flask, Response, request

Told = dict[str, Any]
E164 = re.compile(r"\+[1-9][0-9]{6,14}")
WHATSAPP = "whatsapp:"
LONGEST = 1600
PAGE, MOST = 50, 1000
WORDS = {
    20003: "Authenticate",
    20429: "Too Many Requests",
    21211: "The 'To' number is not a valid phone number",
    21602: "Message body is required",
    21604: "A 'To' phone number is required",
    21606: "The 'From' phone number is not a valid sender for this account",
    21610: "Attempt to send to unsubscribed recipient",
    21614: "'To' number is not a valid mobile number",
    21617: "The message body exceeds the 1600 character limit",
}


class Refusal(Exception):
    def __init__(self, code: int, status: int = 400):
        super().__init__(code)
        self.code, self.status = code, status


@dataclass
class Fault:
    """kind: `429`, `500`, `reset` (the line breaks) and `kill` happen before anything is saved;
    `500 saved`, `lost` (silence), `reset saved` and `kill saved` after. left: how often.
    """

    kind: str
    to: str
    method: str
    left: int


@dataclass
class Faults:
    """seconds: how long a lost answer is waited for. retry_after: said with each 429, if anything.

    kill: what `kill` does.
    """

    planned: list[Fault] = field(default_factory=list)
    seconds: float = 3.0
    retry_after: str | None = None
    kill: Callable[[], None] = lambda: None

    def plan(self, kind: str, *, to: str = "", method: str = "POST", times: int = 1) -> None:
        """to: only messages to this number, whatever the channel."""
        self.planned.append(Fault(kind, to, method, times))

    def clear(self) -> None:
        self.planned.clear()
        self.retry_after = None

    def next(self, method: str, to: str) -> str | None:
        for fault in self.planned:
            if (
                fault.left
                and fault.method == method
                and fault.to in ("", to, to.removeprefix(WHATSAPP))
            ):
                fault.left -= 1
                return fault.kind
        return None

    @property
    def is_over(self) -> bool:
        return not any(fault.left for fault in self.planned)


class Books:
    """messages: oldest first, as the API shows them; `callbacks`: sid -> where to tell of it.

    landlines, stopped: numbers that take no text. templates: content sid -> words with {{1}}.
    tell: called once with each new message, while its request is still unanswered.
    """

    def __init__(self, account: str, senders: tuple[str, ...]):
        self.account, self.senders = account, senders
        self.messages: list[Told] = []
        self.callbacks: dict[str, str] = {}
        self.landlines: set[str] = set()
        self.stopped: set[str] = set()
        self.templates: dict[str, str] = {}
        self.tell: Callable[[Told], None] = lambda message: None
        self._lock = threading.Lock()

    def create(self, form: dict[str, str]) -> Told:
        """Raises Refusal."""
        to, sender = form.get("To", ""), form.get("From", form.get("MessagingServiceSid", ""))
        number, body = to.removeprefix(WHATSAPP), self._words(form)
        if not to:
            raise Refusal(21604)
        if not E164.fullmatch(number):
            raise Refusal(21211)
        if sender.removeprefix(WHATSAPP) not in self.senders or (
            to.startswith(WHATSAPP) != sender.startswith(WHATSAPP)
        ):
            raise Refusal(21606)
        if not body:
            raise Refusal(21602)
        if len(body) > LONGEST:
            raise Refusal(21617)
        if number in self.landlines and to == number:
            raise Refusal(21614)
        if number in self.stopped:
            raise Refusal(21610)
        now = format_datetime(datetime.now(UTC))
        message = {
            "sid": f"SM{secrets.token_hex(16)}", "account_sid": self.account,
            "api_version": "2010-04-01", "to": to, "from": sender, "body": body,
            "status": "queued", "direction": "outbound-api", "num_segments": "1", "num_media": "0",
            "messaging_service_sid": form.get("MessagingServiceSid"), "price": None,
            "price_unit": "USD", "error_code": None, "error_message": None, "date_created": now,
            "date_updated": now, "date_sent": None, "subresource_uris": {},
        }  # fmt: skip
        message["uri"] = f"/2010-04-01/Accounts/{self.account}/Messages/{message['sid']}.json"
        with self._lock:
            self.messages.append(message)
            if "StatusCallback" in form:
                self.callbacks[message["sid"]] = form["StatusCallback"]
        return message

    def to(self, number: str, channel: str = "") -> list[Told]:
        """What was sent to a number. channel: `whatsapp:`, or empty for SMS."""
        with self._lock:
            return [one for one in self.messages if one["to"] == channel + number]

    def listed(self, **wanted: str) -> list[Told]:
        """Newest first."""
        with self._lock:
            return [
                one for one in reversed(self.messages)
                if all(one[name] == value for name, value in wanted.items() if value)
            ]  # fmt: skip

    def _words(self, form: dict[str, str]) -> str:
        if "ContentSid" not in form:
            return form.get("Body", "")
        values = json.loads(form.get("ContentVariables", "{}"))
        words = self.templates.get(form["ContentSid"], "")
        return re.sub(r"\{\{(\w+)\}\}", lambda found: values.get(found[1], ""), words)


class Api:
    """requests: method and recipient of each, faulty ones too."""

    def __init__(self, app: Flask, books: Books, token: str, faults: Faults):
        self._books, self._token, self._faults = books, token, faults
        self.requests: list[tuple[str, str]] = []
        path = f"/2010-04-01/Accounts/{books.account}/Messages.json"
        app.add_url_rule(path, "create", self.create, methods=["POST"])
        app.add_url_rule(path, "list", self.list, methods=["GET"])
        app.before_request(self._prove)
        app.register_error_handler(Refusal, lambda error: _refused(error.code, error.status))

    def create(self) -> Response:
        form = request.form.to_dict()
        fault = self._disturbed("POST", form.get("To", ""))
        if isinstance(fault, Response):
            return fault
        message = self._books.create(form)
        if fault == "kill saved":
            self._faults.kill()
        self._books.tell(message)
        return {
            "500 saved": _broken, "lost": self._silence, "reset saved": _cut, "kill saved": _cut,
        }.get(fault or "", lambda: _json(201, message))()  # fmt: skip

    def list(self) -> Response:
        asked = request.args
        fault = self._disturbed("GET", asked.get("To", ""))
        if isinstance(fault, Response):
            return fault
        found = self._books.listed(to=asked.get("To", ""), **{"from": asked.get("From", "")})
        page, size = int(asked.get("Page", 0)), min(int(asked.get("PageSize", PAGE)), MOST)
        here = found[page * size : (page + 1) * size]
        is_more = len(found) > (page + 1) * size
        following = urlencode({**asked.to_dict(), "Page": page + 1, "PageSize": size})
        return _json(200, {
            "messages": here, "page": page, "page_size": size, "uri": request.full_path,
            "start": page * size, "end": page * size + max(len(here) - 1, 0),
            "next_page_uri": f"{request.path}?{following}" if is_more else None,
        })  # fmt: skip

    def _prove(self) -> Response | None:
        given = request.authorization
        proof = given and (given.username, given.password)
        return None if proof == (self._books.account, self._token) else _refused(20003, 401)

    def _disturbed(self, method: str, to: str) -> Response | str | None:
        """The answer, where nothing is carried out; else the fault that is still to come."""
        self.requests.append((method, to))
        fault = self._faults.next(method, to)
        if fault == "429":
            return _refused(20429, 429, self._faults.retry_after)
        if fault == "500":
            return _broken()
        if fault == "kill":
            self._faults.kill()
        return _cut() if fault in ("reset", "kill") else fault

    def _silence(self) -> Response:
        time.sleep(self._faults.seconds)
        return _cut()


def create(books: Books, token: str, faults: Faults) -> Flask:
    app = Flask("stand-in twilio")
    app.extensions["api"] = Api(app, books, token, faults)
    return app


def _refused(code: int, status: int = 400, retry_after: str | None = None) -> Response:
    body = {"code": code, "message": WORDS[code], "status": status,
            "more_info": f"https://www.twilio.com/docs/errors/{code}"}  # fmt: skip
    return _json(status, body, {"Retry-After": retry_after} if retry_after else None)


def _broken() -> Response:
    return _json(500, {"code": 20500, "message": "Internal Server Error", "status": 500})


def _cut() -> Response:
    """The caller hears nothing more: what is returned here cannot leave."""
    line: socket.socket = request.environ["werkzeug.socket"]
    line.shutdown(socket.SHUT_RDWR)
    return Response(status=499)


def _json(status: int, body: Told, headers: dict[str, str] | None = None) -> Response:
    return Response(json.dumps(body), status, headers, mimetype="application/json")
