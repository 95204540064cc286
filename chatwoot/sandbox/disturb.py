"""Around every API request: the throttles of a real Chatwoot and the switched faults.

Order before a call: refuse, forced status, throttle (api.md 1.6). After a saved write: hang,
cut or 500, so that the caller can't know whether the work was done.
"""

from __future__ import annotations

import json
import re
import socket
import threading
import time
from collections import Counter

from flask import Flask, Response, request

from .site import Site

SEARCH = re.compile(r"/api/v1/accounts/\d+/contacts/search/?")
READING_POST = re.compile(r"/filter/?$")
WINDOW_SECONDS = 60
SERVER_SOCKETS = ("gunicorn.socket", "werkzeug.socket")


class Throttle:
    """Counts per key in fixed one-minute windows."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._window = 0
        self._counts: Counter[str] = Counter()

    def allows(self, key: str, limit: float) -> bool:
        window = int(time.time() // WINDOW_SECONDS)
        with self._lock:
            if window != self._window:
                self._window = window
                self._counts.clear()
            self._counts[key] += 1
            return self._counts[key] <= limit


def install(app: Flask, site: Site) -> None:
    throttle = Throttle()

    @app.before_request
    def before() -> Response | None:
        if not _is_api():
            return None
        if site.faults.get("refuse"):
            return _cut(503)
        if forced := site.faults.forced_status():
            return _forced(forced)
        if not _within_limits(site, throttle):
            return Response("Retry later\n", 429, mimetype="text/plain")
        return None

    @app.after_request
    def after(response: Response) -> Response:
        if not _is_api():
            return response
        if seconds := site.faults.get("api_hang_seconds"):
            time.sleep(seconds)
        if _saved(response):
            if site.faults.happens("api_cut_after_save"):
                return _cut(502)
            if site.faults.happens("api_500_after_save"):
                return _forced({"status": 500})
        return response


def _is_api() -> bool:
    return request.path == "/api" or request.path.startswith("/api/")


def _saved(response: Response) -> bool:
    writes = request.method in ("POST", "PUT", "PATCH", "DELETE")
    return writes and response.status_code < 300 and not READING_POST.search(request.path)


def _within_limits(site: Site, throttle: Throttle) -> bool:
    faults = site.faults
    if not throttle.allows(f"ip:{request.remote_addr}", faults.get("rate_limit_per_minute")):
        return False
    if SEARCH.fullmatch(request.path):
        return throttle.allows("search", faults.get("contact_search_limit_per_minute"))
    return True


def _forced(wanted: dict) -> Response:
    status = wanted["status"]
    if status == 429:
        response = Response("Retry later\n", 429, mimetype="text/plain")
    elif status == 500:
        body = json.dumps({"status": 500, "error": "Internal Server Error"})
        response = Response(body, 500, mimetype="application/json")
    else:
        response = Response(status=status)
    if "retry_after" in wanted:
        response.headers["Retry-After"] = str(wanted["retry_after"])
    return response


def _cut(status_without_socket: int) -> Response:
    """Close the connection unanswered; without a server's socket (a test client) the status
    a reverse proxy would give stands in."""
    for name in SERVER_SOCKETS:
        if name in request.environ:
            request.environ[name].shutdown(socket.SHUT_RDWR)
            break
    return Response(status=status_without_socket)
