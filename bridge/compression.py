"""Text over slow lines: our static files and the tracking page go out compressed.

Nothing else does. A page that holds a secret beside what a visitor typed would give the secret away
by its length (BREACH); these repeat nothing that came with the request.
"""

from __future__ import annotations

import gzip

from flask import Flask, Response, request

ENDPOINTS = ("static", "tracking.track", "installing.service_worker")
TYPES = ("text/html", "text/css", "text/javascript", "image/svg+xml")
LEAST_BYTES = 500
LEVEL = 6


def init_app(app: Flask) -> None:
    app.after_request(_compress)


def _compress(response: Response) -> Response:
    if request.endpoint not in ENDPOINTS or response.mimetype not in TYPES:
        return response
    response.vary.add("Accept-Encoding")
    if response.status_code != 200 or request.method != "GET":
        return response
    if not request.accept_encodings["gzip"]:
        return response
    response.direct_passthrough = False
    body = response.get_data()
    if len(body) >= LEAST_BYTES:
        response.set_data(gzip.compress(body, LEVEL, mtime=0))
        response.headers["Content-Encoding"] = "gzip"
        etag, _is_weak = response.get_etag()
        if etag is not None:
            response.set_etag(etag, weak=True)
    return response
