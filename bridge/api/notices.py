"""What staff should know of: the list of whoever calls, what they have read, and a live count."""

from __future__ import annotations

import time
from functools import partial

from flask import Response
from marshmallow import Schema, fields

from bridge import notices, streams
from bridge.api.base import Blueprint, ListQuery, list_of, paged
from bridge.api.fields import MOST_BIGINT, Moment
from bridge.auth import allow
from bridge.context import here
from bridge.problems import problem
from crm.notices import queries, service

blp = Blueprint("notices", __name__, url_prefix="/api/v1/notices", description="Notices to staff")

NOTICE = f"/<int(max={MOST_BIGINT}):notice_id>"
# Whoever was signed out, or lost their role, hears nothing after that long.
LONGEST_STREAM_SECONDS = 300.0


# `data` is JSON: `unread`, and `newest` with `id`, `kind` and `at`, or null.
EVENT = {
    "type": "object",
    "properties": {name: {"type": "string"} for name in ("id", "event", "data")},
}


class Notice(Schema):
    """text: in the language asked for. url: a page for people, null where there is none.
    customer: their name."""

    id = fields.Integer()
    kind = fields.String()
    text = fields.String()
    device = fields.String(allow_none=True)
    customer = fields.String(allow_none=True)
    url = fields.String(allow_none=True)
    is_read = fields.Boolean()
    at = Moment()


class NoticeQuery(ListQuery):
    unread = fields.Boolean()


class NoticeCount(Schema):
    unread = fields.Integer()


@blp.route("", methods=["GET"])
@allow("notices.read")
@blp.arguments(NoticeQuery, location="query")
@blp.response(200, list_of(Notice))
def list_notices(query):
    """List notices, newest first"""
    who = notices.reader()
    with here().units() as uow:
        read = partial(queries.listed, uow, who, unread=query.get("unread"))
        answer = paged(query, read)
        return {**answer, "data": notices.shown(uow, who, answer["data"])}


@blp.route("/count", methods=["GET"])
@allow("notices.read")
@blp.response(200, NoticeCount)
def count_notices():
    """How many are unread"""
    return notices.count()


@blp.route(f"{NOTICE}/read", methods=["POST"])
@allow("notices.read")
@blp.response(200, NoticeCount)
def read_notice(notice_id):
    """Mark one as read"""
    with here().units() as uow:
        service.read(uow, notices.reader(), notice_id)
    return notices.count()


@blp.route(f"{NOTICE}/unread", methods=["POST"])
@allow("notices.read")
@blp.response(200, NoticeCount)
def unread_notice(notice_id):
    """Mark one as unread"""
    with here().units() as uow:
        service.unread(uow, notices.reader(), notice_id)
    return notices.count()


@blp.route("/read-all", methods=["POST"])
@allow("notices.read")
@blp.response(200, NoticeCount)
def read_all_notices():
    """Mark all as read"""
    with here().units() as uow:
        service.read_all(uow, notices.reader())
    return notices.count()


@blp.route("/stream", methods=["GET"])
@allow("notices.read")
@blp.doc(
    responses={
        200: {
            "description": "Server-sent events `notices`: how many are unread, and the newest. "
            "`id:` is good for `Last-Event-ID`; comments keep the line open.",
            "content": {"text/event-stream": {"schema": EVENT}},
        }
    }
)
def stream_notices():
    """Hear of new notices at once"""
    ends_at = time.monotonic() + LONGEST_STREAM_SECONDS
    return streams.opened(
        f"{service.LIVE}:{notices.reader().scope}",
        goes_on=lambda: time.monotonic() < ends_at,
        nothing=_nobody,
    )


def _nobody() -> Response:
    return problem(404, "not-found", "there is nobody to tell")
