"""The stand-in's HTTP side: the API's addresses over the books, and the hosted page.

Idempotency keys behave as documented: the same key and parameters give the stored answer, 500s
included; other parameters are refused. `Faults` says which answers go wrong, and how.
"""

from __future__ import annotations

import json
import re
import threading
import time
from dataclasses import dataclass, field
from html import escape
from typing import Any

from flask import Flask, Response, redirect, request

from tests.standins.stripe.books import Books, Refusal, Told

EXPANDED = {"payment_intent": "payment_intent", "latest_charge": "charge", "charge": "charge",
            "balance_transaction": "balance_transaction"}  # fmt: skip
_QUERY = re.compile(r"metadata\['(\w+)'\]:'([^']*)'")


@dataclass
class Fault:
    """kind: `500` (nothing was saved), `500 saved`, `429`, `401`, `slow` (saved, answered late),
    `lost` (saved, the answer is not JSON). left: how many requests it hits."""

    kind: str
    path: str = ""
    method: str = "POST"
    left: int = 1


@dataclass
class Faults:
    """seconds: how long a slow answer takes."""

    planned: list[Fault] = field(default_factory=list)
    seconds: float = 2.0
    search_is_blind: bool = False

    def plan(self, kind: str, path: str = "", *, method: str = "POST", times: int = 1) -> None:
        self.planned.append(Fault(kind, path, method, times))

    def clear(self) -> None:
        self.planned.clear()
        self.search_is_blind = False

    def next(self) -> str | None:
        for fault in self.planned:
            if fault.left and fault.method == request.method and fault.path in request.path:
                fault.left -= 1
                return fault.kind
        return None


def create(books: Books, key: str, faults: Faults) -> Flask:
    app = Flask("stand-in stripe")
    Api(app, books, key, faults)
    Pages(app, books)
    return app


class Api:
    def __init__(self, app: Flask, books: Books, key: str, faults: Faults):
        self._books, self._key, self._faults = books, key, faults
        self.stored: dict[str, tuple[str, int, Told]] = {}
        self._lock = threading.Lock()
        self.webhook_endpoints: list[Told] = []
        self.requests: list[tuple[str, str, str | None, Told]] = []
        app.extensions["api"] = self

        def view() -> Response:
            return self._answer()

        app.add_url_rule("/v1/<path:path>", "v1", lambda path: view(), methods=["GET", "POST"])

    def _answer(self) -> Response:
        given = request.authorization
        told = given.token if given and given.type == "bearer" else given and given.username
        if told != self._key:
            return _json(401, {"error": {"type": "invalid_request_error",
                                         "message": "Invalid API Key provided"}})  # fmt: skip
        fault = self._faults.next()
        if fault == "401":
            return _json(401, {"error": {"type": "invalid_request_error", "message": "revoked"}})
        if fault == "400":
            return _json(400, {"error": {"type": "invalid_request_error", "code": "amount_too_small",
                                         "message": "too small"}})  # fmt: skip
        if fault == "429":
            return _json(429, {"error": {"type": "invalid_request_error", "code": "rate_limit",
                                         "message": "too many"}}, {"Retry-After": "1"})  # fmt: skip
        source = request.args if request.method == "GET" else request.form
        params = unbracketed(source.items(multi=True))
        idempotency = request.headers.get("Idempotency-Key")
        self.requests.append((request.method, request.path, idempotency, params))
        with self._lock:
            answer = self._once(idempotency, params, fault)
        if fault == "slow":
            time.sleep(self._faults.seconds)
        if fault == "lost":
            return Response("<html>bad gateway</html>", 502, mimetype="text/html")
        return answer

    def _once(self, key: str | None, params: Told, fault: str | None) -> Response:
        asked = json.dumps([request.path, params], sort_keys=True)
        stores = request.method == "POST" and key is not None
        if stores and key in self.stored:
            before, status, body = self.stored[key]
            if before != asked:
                return _json(400, {"error": {
                    "type": "idempotency_error",
                    "message": "Keys can only be used with the same parameters",
                }})  # fmt: skip
            return _json(status, body, {"Idempotent-Replayed": "true"})
        status, body = self._carried_out(params, fault)
        # What fails on its parameters has not begun and is not kept.
        if stores and (status < 400 or status >= 500):
            self.stored[key] = (asked, status, body)
        return _json(status, body)

    def _carried_out(self, params: Told, fault: str | None) -> tuple[int, Told]:
        broken = {"error": {"type": "api_error", "message": "An error occurred"}}
        if fault == "500":
            return 500, broken
        try:
            body = self._route(request.method, request.path.removeprefix("/v1/"), params)
        except Refusal as refusal:
            return refusal.status, {"error": refusal.error}
        if fault == "500 saved":
            return 500, broken
        return 200, body

    def _route(self, method: str, path: str, params: Told) -> Told:
        books, expand = self._books, list(_values(params.pop("expand", {})))
        parts = path.split("/")
        if method == "POST":
            if path == "checkout/sessions":
                return self._shown(books.open_session(params), expand)
            if parts[:2] == ["checkout", "sessions"] and parts[3:] == ["expire"]:
                return self._shown(books.expire_session(parts[2]), expand)
            if path == "refunds":
                return self._shown(books.refund(params), expand)
            raise Refusal("no such address", status=404)
        if path == "balance":
            return {"object": "balance", "livemode": books.livemode,
                    "available": [{"amount": books.balance(), "currency": "gbp"}]}  # fmt: skip
        if path == "webhook_endpoints":
            return {"object": "list", "has_more": False, "data": self.webhook_endpoints}
        if path == "payment_intents/search":
            return self._found(params, expand)
        kind = {"checkout": "checkout.session"}.get(parts[0], parts[0].removesuffix("s"))
        if kind not in books.objects:
            raise Refusal("no such address", status=404)
        rest = parts[2:] if parts[0] == "checkout" else parts[1:]
        if rest:
            return self._shown(books.one(kind, rest[0]), expand)
        return self._listed(kind, params, expand)

    def _found(self, params: Told, expand: list[str]) -> Told:
        match = _QUERY.fullmatch(params["query"])
        if match is None:
            raise Refusal("cannot parse the query", param="query")
        name, value = match.groups()
        found = [one for one in self._books.all("payment_intent")
                 if one["metadata"].get(name) == value]  # fmt: skip
        return self._page([] if self._faults.search_is_blind else found, False, expand)

    def _listed(self, kind: str, params: Told, expand: list[str]) -> Told:
        found = self._books.all(kind)
        for name in ("payment_intent", "charge"):
            if name in params:
                found = [one for one in found if one.get(name) == params[name]]
        if "types" in params:
            types = set(_values(params["types"]))
            if len(types) > 20:
                raise Refusal("at most 20 types", param="types")
            found = [one for one in found if one["type"] in types]
        since = int(params.get("created", {}).get("gte", 0))
        found = [one for one in found if one["created"] >= since]
        if after := params.get("starting_after"):
            ids = [one["id"] for one in found]
            found = found[ids.index(after) + 1 :]
        limit = int(params.get("limit", 10))
        if not 1 <= limit <= 100:
            raise Refusal("limit is 1 to 100", param="limit")
        return self._page(found[:limit], len(found) > limit, expand)

    def _page(self, found: list[Told], has_more: bool, expand: list[str]) -> Told:
        paths = [one.removeprefix("data.") for one in expand if one.startswith("data.")]
        return {"object": "list", "has_more": has_more, "url": request.path,
                "data": [self._shown(one, paths) for one in found]}  # fmt: skip

    def _shown(self, one: Told, expand: list[str]) -> Told:
        shown = dict(one)
        for path in expand:
            name, _, rest = path.partition(".")
            value = shown.get(name)
            if isinstance(value, str):
                value = self._books.one(EXPANDED[name], value)
            if isinstance(value, dict):
                shown[name] = self._shown(value, [rest] if rest else [])
        return shown


class Pages:
    """The hosted page: what is asked for, and three buttons."""

    def __init__(self, app: Flask, books: Books):
        self._books = books
        app.add_url_rule("/c/pay/<session_id>", "page", self.show)
        app.add_url_rule("/c/pay/<session_id>/<act>", "act", self.act, methods=["POST"])

    def show(self, session_id: str, note: str = "") -> tuple[str, int]:
        session = self._books.one("checkout.session", session_id)
        if session["status"] != "open":
            return "<!doctype html><title>Closed</title><h1>This page has closed</h1>", 410
        amount = f"{session['amount_total'] / 100:.2f} {session['currency'].upper()}"
        buttons = "".join(
            f'<form method="post" action="/c/pay/{session_id}/{act}">'
            f'<button type="submit">{act.capitalize()}</button></form>'
            for act in ("pay", "decline", "cancel")
        )
        return (
            '<!doctype html><html lang="en"><meta name="viewport" content="width=device-width">'
            f"<title>Stand-in checkout</title><h1>{escape(session['label'])}</h1>"
            f"<p>{amount}</p><p role='status'>{escape(note)}</p>{buttons}</html>"
        ), 200

    def act(self, session_id: str, act: str) -> Any:
        session = self._books.one("checkout.session", session_id)
        try:
            if act == "pay":
                self._books.pay(session_id)
                return redirect(_filled(session["success_url"], session_id), 303)
            if act == "decline":
                self._books.decline(session_id)
                return self.show(session_id, "Your card was declined.")
            return redirect(session["cancel_url"], 303)
        except Refusal:
            return self.show(session_id)


def _filled(url: str, session_id: str) -> str:
    return url.replace("{CHECKOUT_SESSION_ID}", session_id)


def unbracketed(pairs: Any) -> Told:
    """`a[b][0]=c` as nested dicts; positions of lists stay keys."""
    told: Told = {}
    for name, value in pairs:
        head, *rest = name.replace("]", "").split("[")
        place = told
        for step in (head, *rest)[:-1]:
            place = place.setdefault(step, {})
        last = (head, *rest)[-1]
        place[str(len(place)) if last == "" else last] = value
    return told


def _values(told: Any) -> list[str]:
    return list(told.values()) if isinstance(told, dict) else [told]


def _json(status: int, body: Told, headers: dict[str, str] | None = None) -> Response:
    return Response(json.dumps(body), status, headers, mimetype="application/json")
