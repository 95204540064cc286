"""Technicians: skills, weekly shifts, days that differ, and their secret calendar address."""

from __future__ import annotations

from datetime import time
from functools import partial
from typing import Any

from marshmallow import Schema, fields, validate

from bridge.api.base import IDEMPOTENCY_KEY, Blueprint, ListQuery, create, list_of, paged
from bridge.api.fields import Flag, Moment, Strict, Text, Whole
from bridge.api.locations import Feed, feed_url, read_day
from bridge.auth import allow, principal
from bridge.context import here
from crm.bookings import feeds
from crm.core.errors import Invalid
from crm.core.hours import DayHours
from crm.core.uow import UnitOfWork
from crm.locations.models import Location
from crm.locations.queries import by_slug
from crm.staff import technicians
from crm.staff.technicians import WeeklyShift

blp = Blueprint(
    "technicians", __name__, url_prefix="/api/v1/technicians", description="Technicians"
)


class Shift(Strict):
    """weekday: 0 is Monday. Times are HH:MM on the location's clock; 00:00 ends at midnight."""

    location = Text(80, required=True)
    weekday = Whole(0, 6, required=True)
    starts_at = fields.Time("%H:%M", required=True)
    ends_at = fields.Time("%H:%M", required=True)


class TechnicianChange(Strict):
    """skills: slugs of categories, device families, or `any`. shifts replaces the whole week."""

    name = Text(255)
    staff_id = Whole(1, allow_none=True)
    skills = fields.List(Text(80), validate=validate.Length(max=100))
    is_active = Flag()
    shifts = fields.List(fields.Nested(Shift), validate=validate.Length(max=42))


class NewTechnician(TechnicianChange):
    name = Text(255, required=True)


class DayChange(Strict):
    """A day that differs from the week. Without location and times the technician is away."""

    location = Text(80)
    starts_at = fields.Time("%H:%M")
    ends_at = fields.Time("%H:%M")


class ShiftException(Schema):
    date = fields.Date(attribute="day")
    location = fields.String(allow_none=True)
    starts_at = fields.Time("%H:%M", allow_none=True)
    ends_at = fields.Time("%H:%M", allow_none=True)


class Technician(Schema):
    id = fields.Integer()
    name = fields.String()
    staff_id = fields.Integer(allow_none=True)
    skills = fields.List(fields.String())
    is_active = fields.Boolean()
    shifts = fields.List(fields.Nested(Shift))
    exceptions = fields.List(fields.Nested(ShiftException))
    created_at = Moment()


@blp.route("", methods=["GET"])
@allow("technicians.read")
@blp.arguments(ListQuery, location="query")
@blp.response(200, list_of(Technician))
def list_technicians(query):
    """List technicians, oldest first"""
    with here().units() as uow:
        return paged(query, partial(technicians.listed, uow), partial(shown, uow))


@blp.route("", methods=["POST"])
@allow("technicians.manage")
@blp.doc(parameters=[IDEMPOTENCY_KEY])
@blp.arguments(NewTechnician)
@blp.response(201, Technician)
def create_technician(body):
    """Add a technician"""

    def work(uow: UnitOfWork) -> dict[str, Any]:
        plain = {name: value for name, value in body.items() if name != "shifts"}
        made = technicians.create(uow, principal().actor, plain)
        _set_shifts(uow, made.id, body)
        return shown(uow, made)

    return create(Technician, work)


@blp.route("/<int:technician_id>", methods=["GET"])
@allow("technicians.read")
@blp.response(200, Technician)
def show_technician(technician_id):
    """Show a technician"""
    with here().units() as uow:
        return shown(uow, technicians.by_id(uow, technician_id))


@blp.route("/<int:technician_id>", methods=["PATCH"])
@allow("technicians.manage")
@blp.arguments(TechnicianChange)
@blp.response(200, Technician)
def change_technician(body, technician_id):
    """Change a technician"""
    if not body:
        raise Invalid("nothing to change")
    with here().units() as uow:
        plain = {name: value for name, value in body.items() if name != "shifts"}
        changed = technicians.change(uow, principal().actor, technician_id, plain)
        _set_shifts(uow, technician_id, body)
        return shown(uow, changed)


@blp.route("/<int:technician_id>/exceptions/<string(maxlength=10):day>", methods=["PUT"])
@allow("technicians.manage")
@blp.arguments(DayChange)
@blp.response(200, Technician)
def set_exception(body, technician_id, day):
    """Make one day differ from the week"""
    with here().units() as uow:
        location = by_slug(uow, body["location"]) if "location" in body else None
        technicians.set_exception(
            uow,
            principal().actor,
            technician_id,
            read_day(day),
            location_id=location.id if location else None,
            hours=_hours(body),
        )
        return shown(uow, technicians.by_id(uow, technician_id))


@blp.route("/<int:technician_id>/exceptions/<string(maxlength=10):day>", methods=["DELETE"])
@allow("technicians.manage")
@blp.response(204)
def drop_exception(technician_id, day):
    """Make that day as every week again"""
    with here().units() as uow:
        technicians.drop_exception(uow, principal().actor, technician_id, read_day(day))


@blp.route("/<int:technician_id>/feed", methods=["POST"])
@allow("technicians.manage")
@blp.response(201, Feed)
def open_feed(technician_id):
    """A new secret calendar address; an earlier one ends"""
    with here().units() as uow:
        owner = technicians.by_id(uow, technician_id)
        token = feeds.open_feed(uow, principal().actor, owner)
    return {"url": feed_url(token)}


@blp.route("/<int:technician_id>/feed", methods=["DELETE"])
@allow("technicians.manage")
@blp.response(204)
def close_feed(technician_id):
    """End the calendar address"""
    with here().units() as uow:
        feeds.close_feed(uow, principal().actor, technicians.by_id(uow, technician_id))


def shown(uow: UnitOfWork, technician: Any) -> dict[str, Any]:
    """A technician as `Technician` dumps it; days that differ from yesterday on."""

    def slug(location_id: int | None) -> str | None:
        return uow.session.get_one(Location, location_id).slug if location_id else None

    columns = ("id", "name", "staff_id", "skills", "is_active", "created_at")
    return {
        **{name: getattr(technician, name) for name in columns},
        "shifts": [
            {
                "location": slug(shift.location_id),
                "weekday": shift.hours.weekday,
                "starts_at": shift.hours.start,
                "ends_at": shift.hours.end,
            }
            for shift in technicians.shifts(uow, technician.id)
        ],
        "exceptions": [
            {
                "day": row.day,
                "location": slug(row.location_id),
                "starts_at": row.starts_at,
                "ends_at": row.ends_at,
            }
            for row in technicians.exceptions(uow, technician.id, uow.now.date())
        ],
    }


def _hours(body: dict[str, Any]) -> tuple[time, time] | None:
    if ("starts_at" in body) != ("ends_at" in body):
        raise Invalid("half a shift", errors={"ends_at": ["Give starts_at and ends_at."]})
    return (body["starts_at"], body["ends_at"]) if "starts_at" in body else None


def _set_shifts(uow: UnitOfWork, technician_id: int, body: dict[str, Any]) -> None:
    if "shifts" in body:
        week = [
            WeeklyShift(
                by_slug(uow, row["location"]).id,
                DayHours(row["weekday"], row["starts_at"], row["ends_at"]),
            )
            for row in body["shifts"]
        ]
        technicians.set_shifts(uow, principal().actor, technician_id, week)
        uow.session.flush()
