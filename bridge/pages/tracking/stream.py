"""`/track/<token>/events`: news of one repair. `id:` is the number of the repair's latest event."""

from __future__ import annotations

from collections.abc import Collection

from flask import Blueprint, Flask, Response

from bridge import live, streams
from bridge.context import Context, here
from bridge.live import News
from bridge.pages.tracking import progress, tracked
from crm.core import clock

blueprint = Blueprint("stream", __name__)


def init_app(app: Flask, context: Context) -> None:
    def read(repair_ids: Collection[str]) -> dict[str, News]:
        with context.units() as uow:
            found = progress.newest(uow, [int(one) for one in repair_ids])
        return {str(repair_id): news for repair_id, news in found.items()}

    live.of(app).add("repair", read)
    app.register_blueprint(blueprint)


@blueprint.get("/track/<token>/events")
@tracked.guarded
def events(token: str) -> Response:
    repair_id = tracked.repair_id(token)
    if repair_id is None:
        return tracked.nothing()
    links = here().shop.links
    return streams.opened(
        f"repair:{repair_id}",
        goes_on=lambda: links.read_track(token, clock.now()) is not None,
        nothing=tracked.nothing,
    )
