"""News of one topic as server-sent events: what every stream of ours shares.

`id:` changes with the news; whoever comes back with it (`Last-Event-ID`, or `?last_event_id=`) hears
at once if there is other news by now. Comments keep the line open. The browser is told to wait a
little before it comes back, each a different while.
"""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Callable, Iterator
from typing import Any

from flask import Flask, Response, current_app, request

from bridge import live
from bridge.live import Full, Hub, News, Viewer
from bridge.problems import problem

HEARTBEAT_SECONDS = 10.0
HEARTBEAT = "LIVE_HEARTBEAT_SECONDS"
RETRY_MILLISECONDS = (2_000, 6_000)
BUSY_SECONDS = 60
_LONGEST_ID = 19


def init_app(app: Flask) -> None:
    app.config.setdefault(HEARTBEAT, HEARTBEAT_SECONDS)


def news(event: str, data: dict[str, Any]) -> News:
    """News of something without a number of its own: it is named by what it says."""
    told = json.dumps(data)
    number = int.from_bytes(hashlib.sha256(told.encode()).digest()[:6], "big")
    return News(number, f"id: {number}\nevent: {event}\ndata: {told}\n\n".encode())


def opened(topic: str, *, goes_on: Callable[[], bool], nothing: Callable[[], Response]) -> Response:
    """The stream of a topic. goes_on: asked at every beat; the page then asks why it ended.

    nothing: the answer when there is no such thing.
    """
    hub = live.of(current_app)
    try:
        viewer = hub.join(topic)
    except Full:
        return problem(
            503, "too-many-viewers", "ask again later", headers={"Retry-After": str(BUSY_SECONDS)}
        )
    if viewer.news is None:
        hub.leave(viewer)
        return nothing()
    told = _told(hub, viewer, goes_on, _last_event_id(), current_app.config[HEARTBEAT])
    response = Response(told, mimetype="text/event-stream")
    response.call_on_close(lambda: hub.leave(viewer))
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Accel-Buffering"] = "no"
    return response


def _told(
    hub: Hub, viewer: Viewer, goes_on: Callable[[], bool], last_id: int | None, heartbeat: float
) -> Iterator[bytes]:
    """Ends when the process stops too."""
    yield b"retry: %d\n\n" % random.randint(*RETRY_MILLISECONDS)
    while not hub.is_closed:
        news = viewer.news
        if news is not None and news.event_id != last_id:
            last_id = news.event_id
            yield news.message
        elif not goes_on():
            return
        else:
            yield b": \n\n"
        viewer.wait(heartbeat)


def _last_event_id() -> int | None:
    given = request.headers.get("Last-Event-ID") or request.args.get("last_event_id", "")
    is_number = given.isascii() and given.isdecimal() and len(given) <= _LONGEST_ID
    return int(given) if is_number else None
