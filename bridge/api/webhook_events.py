"""The events shop systems may hear: as a list, and as OpenAPI tells of them."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, fields

from bridge.api.base import Blueprint
from bridge.auth import allow
from crm.core.events import Event
from crm.outgoing import catalogue

blp = Blueprint(
    "webhook_events", __name__, url_prefix="/api/v1/webhooks", description="What can be heard"
)


class EventKind(Schema):
    kind = fields.String()
    subject = fields.String()
    meaning = fields.String()
    adds = fields.List(fields.String())


@blp.route("/events", methods=["GET"])
@allow("webhooks.manage")
@blp.response(200, EventKind(many=True))
def list_event_kinds():
    """The events there are"""
    return [
        {"kind": kind, "subject": event.subject_kind, "meaning": catalogue.PUBLIC[event].meaning,
         "adds": list(catalogue.PUBLIC[event].adds)}
        for kind, event in sorted(catalogue.KINDS.items())
    ]  # fmt: skip


def described() -> dict[str, Any]:
    """Every event as OpenAPI 3.1 tells of webhooks: the body, and what to answer."""
    return {
        kind: {
            "post": {
                "summary": catalogue.PUBLIC[event].meaning,
                "operationId": f"hear_{kind.replace('.', '_')}",
                "tags": [blp.name],
                "requestBody": {"content": {"application/json": {"schema": _body(kind, event)}}},
                "responses": {
                    "2XX": {"description": "Heard"},
                    "410": {"description": "Wants no more events"},
                },
            }
        }
        for kind, event in sorted(catalogue.KINDS.items())
    }


def _body(kind: str, event: type[Event]) -> dict[str, Any]:
    adds = {name: {} for name in ("version", "subject", "by", "ref", *catalogue.PUBLIC[event].adds)}
    return {
        "type": "object",
        "required": ["type", "timestamp", "data"],
        "properties": {
            "type": {"const": kind},
            "timestamp": {"type": "string", "format": "date-time"},
            "data": {"type": "object", "properties": adds},
        },
    }
