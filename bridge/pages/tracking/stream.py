"""`/track/<token>/events`: news of one repair as server-sent events.

`id:` is the number of the repair's latest event; whoever comes back with it (`Last-Event-ID`, or
`?last_event_id=`) hears at once if there is newer news. Comments keep the line open. The browser is
told to wait a little before it comes back, each a different while.
"""

from __future__ import annotations

import random
from collections.abc import Collection, Iterator

from flask import Blueprint, Flask, Response, current_app, request

from bridge import live
from bridge.context import Context, here
from bridge.live import Full, Hub, News, Viewer
from bridge.pages.tracking import progress, tracked
from bridge.problems import problem
from crm.core import clock
from crm.core.shop import Links

blueprint = Blueprint("stream", __name__)

HEARTBEAT_SECONDS = 10.0
HEARTBEAT = "LIVE_HEARTBEAT_SECONDS"
RETRY_MILLISECONDS = (2_000, 6_000)
BUSY_SECONDS = 60
_LONGEST_ID = 19


def init_app(app: Flask, context: Context) -> None:
    def read(repair_ids: Collection[int]) -> dict[int, News]:
        with context.units() as uow:
            return progress.newest(uow, repair_ids)

    app.config.setdefault(HEARTBEAT, HEARTBEAT_SECONDS)
    live.put(app, Hub(context.engine, read))
    app.register_blueprint(blueprint)


@blueprint.get("/track/<token>/events")
@tracked.guarded
def events(token: str) -> Response:
    repair_id = tracked.repair_id(token)
    if repair_id is None:
        return tracked.nothing()
    hub = live.of(current_app)
    try:
        viewer = hub.join(repair_id)
    except Full:
        return problem(
            503, "too-many-viewers", "ask again later", headers={"Retry-After": str(BUSY_SECONDS)}
        )
    if viewer.news is None:
        hub.leave(viewer)
        return tracked.nothing()
    told = _told(
        hub, viewer, token, here().shop.links, _last_event_id(), current_app.config[HEARTBEAT]
    )
    response = Response(told, mimetype="text/event-stream")
    response.call_on_close(lambda: hub.leave(viewer))
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Accel-Buffering"] = "no"
    return response


def _told(
    hub: Hub, viewer: Viewer, token: str, links: Links, last_id: int | None, heartbeat: float
) -> Iterator[bytes]:
    """Ends when the process stops and when the link expires; the page then asks why."""
    yield b"retry: %d\n\n" % random.randint(*RETRY_MILLISECONDS)
    while not hub.is_closed:
        news = viewer.news
        if news is not None and news.event_id != last_id:
            last_id = news.event_id
            yield news.message
        elif links.read_track(token, clock.now()) is None:
            return
        else:
            yield b": \n\n"
        viewer.wait(heartbeat)


def _last_event_id() -> int | None:
    given = request.headers.get("Last-Event-ID") or request.args.get("last_event_id", "")
    is_number = given.isascii() and given.isdecimal() and len(given) <= _LONGEST_ID
    return int(given) if is_number else None
