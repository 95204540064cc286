"""Free slots of one day: open to everybody, and limited."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from marshmallow import Schema, fields

from bridge.api.base import Blueprint
from bridge.api.fields import Moment, Strict, Text, Whole
from bridge.auth import public
from bridge.context import here
from bridge.limits import limiter
from crm.bookings import capacity, wishes
from crm.core.hours import day_span
from crm.locations import queries as locations
from crm.staff import technicians

SEARCHING = "120 per minute"

blp = Blueprint("slots", __name__, url_prefix="/api/v1/slots", description="Free slots")


class SlotQuery(Strict):
    """date: a day on the location's calendar. location: may be left out where there is one only.

    model or category: of the device; without them the longest repair of that type counts.
    """

    date = fields.Date(required=True)
    location = Text(80)
    repair_type = Text(80)
    model = Text(120)
    category = Text(80)
    technician = Whole(1)


class Slot(Schema):
    """local: starts_at on the location's clock. ends_at: when the work is due."""

    starts_at = Moment()
    ends_at = Moment()
    local = fields.String()


class SlotMeta(Schema):
    next_cursor = fields.String(allow_none=True)
    location = fields.String()
    timezone = fields.String()
    minutes = fields.Integer()


class Slots(Schema):
    data = fields.List(fields.Nested(Slot))
    meta = fields.Nested(SlotMeta)


@blp.route("", methods=["GET"])
@public
@limiter.limit(SEARCHING)
@blp.arguments(SlotQuery, location="query")
@blp.response(200, Slots)
def list_slots(query):
    """Free slots of one day; none on a closed or past one"""
    with here().units() as uow:
        location = locations.bookable(uow, query.get("location"))
        need = wishes.need_for(
            uow, **{name: query.get(name) for name in ("repair_type", "model", "category")}
        )
        technician_id = query.get("technician")
        if technician_id is not None:
            technicians.by_id(uow, technician_id)
        zone = ZoneInfo(location.timezone)
        found = capacity.look(uow, location, need, query["date"], technician_id=technician_id)
        offers = list(found.free(day_span(query["date"], zone)))
        return {
            "data": [
                {
                    "starts_at": offer.start,
                    "ends_at": offer.end,
                    "local": offer.start.astimezone(zone).isoformat(),
                }
                for offer in offers
            ],
            "meta": {
                "next_cursor": None,
                "location": location.slug,
                "timezone": location.timezone,
                "minutes": need.minutes,
            },
        }
