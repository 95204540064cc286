"""Locations: opening hours, closed days, benches, and the calendar of everything booked there."""

from __future__ import annotations

from datetime import date
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

from marshmallow import Schema, fields, validate

from bridge.api.base import IDEMPOTENCY_KEY, Blueprint, ListQuery, create, list_of, paged
from bridge.api.fields import Flag, Moment, Strict, Text, Whole, one_of
from bridge.auth import allow, principal
from bridge.context import here
from crm.bookings import feeds
from crm.core.errors import Invalid
from crm.core.hours import DayHours
from crm.core.uow import UnitOfWork
from crm.locations import queries, service
from crm.locations.models import Location as LocationRow
from crm.texting.rules import SENDER

blp = Blueprint("locations", __name__, url_prefix="/api/v1/locations", description="Locations")

SLUG = "<string(maxlength=80):slug>"
MOST_MINOR = 100_000_00


class Hours(Strict):
    """weekday: 0 is Monday. Times are HH:MM on the location's clock; 00:00 closes at midnight."""

    weekday = Whole(0, 6, required=True)
    opens_at = fields.Time("%H:%M", required=True)
    closes_at = fields.Time("%H:%M", required=True)


class ExtraService(Strict):
    """minutes: of bench work it adds."""

    slug = Text(80, required=True)
    name = Text(255, required=True)
    price_minor = Whole(0, MOST_MINOR, required=True)
    minutes = Whole(0, 480, load_default=0)


class LocationChange(Strict):
    """ways: hand-over way -> fee in minor units. invite_code: null takes it away.

    sms_from: sender of its text messages, a number, a messaging service or a name; null: the shop's.
    """

    name = Text(255)
    timezone = Text(64)
    address = Text(500, at_least=0)
    lead_minutes = Whole(0, 30 * 1440)
    grid_minutes = Whole(5, 240)
    horizon_days = Whole(1, 365)
    ways = fields.Dict(
        keys=one_of(*service.WAYS),
        values=Whole(0, MOST_MINOR),
        validate=validate.Length(min=1, max=len(service.WAYS)),
    )
    services = fields.List(fields.Nested(ExtraService), validate=validate.Length(max=50))
    invite_code = Text(80, allow_none=True)
    requires_intake = Flag()
    sms_from = fields.String(
        allow_none=True, validate=validate.Regexp(rf"(?:{SENDER})\Z", error="Not a sender.")
    )
    is_active = Flag()
    hours = fields.List(fields.Nested(Hours), validate=validate.Length(max=42))


class NewLocation(LocationChange):
    slug = Text(80, required=True)
    name = Text(255, required=True)
    timezone = Text(64)


class Closing(Strict):
    date = fields.Date(required=True)
    reason = Text(255, at_least=0, load_default="")


class ClosedDay(Schema):
    date = fields.Date(attribute="closed_on")
    reason = fields.String()


class NewBench(Strict):
    name = Text(80, required=True)


class BenchChange(Strict):
    is_active = Flag(required=True)


class Bench(Schema):
    id = fields.Integer()
    name = fields.String()
    is_active = fields.Boolean()


class Location(Schema):
    slug = fields.String()
    name = fields.String()
    timezone = fields.String()
    address = fields.String()
    lead_minutes = fields.Integer()
    grid_minutes = fields.Integer()
    horizon_days = fields.Integer()
    ways = fields.Dict()
    services = fields.List(fields.Dict())
    needs_invite = fields.Boolean()
    requires_intake = fields.Boolean()
    sms_from = fields.String(allow_none=True)
    is_active = fields.Boolean()
    hours = fields.List(fields.Nested(Hours))
    closures = fields.List(fields.Nested(ClosedDay))
    benches = fields.List(fields.Nested(Bench))
    created_at = Moment()


class Feed(Schema):
    """Whoever has the address sees the calendar; it is shown once."""

    url = fields.String()


@blp.route("", methods=["GET"])
@allow("locations.read")
@blp.arguments(ListQuery, location="query")
@blp.response(200, list_of(Location))
def list_locations(query):
    """List locations, oldest first"""
    with here().units() as uow:
        return paged(query, partial(queries.listed, uow), partial(shown, uow))


@blp.route("", methods=["POST"])
@allow("locations.manage")
@blp.doc(parameters=[IDEMPOTENCY_KEY])
@blp.arguments(NewLocation)
@blp.response(201, Location)
def create_location(body):
    """Add a location; without a time zone it has the shop's"""

    def work(uow: UnitOfWork) -> dict[str, Any]:
        zone = {"timezone": here().shop.timezone.key}
        plain = {name: value for name, value in body.items() if name != "hours"}
        made = service.create(uow, principal().actor, zone | plain)
        _set_hours(uow, made.slug, body)
        return shown(uow, made)

    return create(Location, work)


@blp.route(f"/{SLUG}", methods=["GET"])
@allow("locations.read")
@blp.response(200, Location)
def show_location(slug):
    """Show a location"""
    with here().units() as uow:
        return shown(uow, queries.by_slug(uow, slug))


@blp.route(f"/{SLUG}", methods=["PATCH"])
@allow("locations.manage")
@blp.arguments(LocationChange)
@blp.response(200, Location)
def change_location(body, slug):
    """Change a location; `hours` replaces the whole week"""
    if not body:
        raise Invalid("nothing to change")
    with here().units() as uow:
        plain = {name: value for name, value in body.items() if name != "hours"}
        changed = service.change(uow, principal().actor, slug, plain)
        _set_hours(uow, slug, body)
        return shown(uow, changed)


@blp.route(f"/{SLUG}/closures", methods=["POST"])
@allow("locations.manage")
@blp.doc(parameters=[IDEMPOTENCY_KEY])
@blp.arguments(Closing)
@blp.response(201, ClosedDay)
def close(body, slug):
    """Close it on one day"""
    return create(
        ClosedDay,
        lambda uow: service.close_on(uow, principal().actor, slug, body["date"], body["reason"]),
    )


@blp.route(f"/{SLUG}/closures/<string(maxlength=10):day>", methods=["DELETE"])
@allow("locations.manage")
@blp.response(204)
def reopen(slug, day):
    """Take a closed day back"""
    with here().units() as uow:
        service.open_on(uow, principal().actor, slug, read_day(day))


@blp.route(f"/{SLUG}/benches", methods=["POST"])
@allow("locations.manage")
@blp.doc(parameters=[IDEMPOTENCY_KEY])
@blp.arguments(NewBench)
@blp.response(201, Bench)
def add_bench(body, slug):
    """Add a bench"""
    return create(Bench, lambda uow: service.add_bench(uow, principal().actor, slug, body["name"]))


@blp.route(f"/{SLUG}/benches/<int:bench_id>", methods=["PATCH"])
@allow("locations.manage")
@blp.arguments(BenchChange)
@blp.response(200, Bench)
def change_bench(body, slug, bench_id):
    """Take a bench in or out of use"""
    with here().units() as uow:
        return service.use_bench(uow, principal().actor, slug, bench_id, **body)


@blp.route(f"/{SLUG}/feed", methods=["POST"])
@allow("locations.manage")
@blp.response(201, Feed)
def open_feed(slug):
    """A new secret calendar address; an earlier one ends"""
    with here().units() as uow:
        token = feeds.open_feed(uow, principal().actor, queries.by_slug(uow, slug))
    return {"url": feed_url(token)}


@blp.route(f"/{SLUG}/feed", methods=["DELETE"])
@allow("locations.manage")
@blp.response(204)
def close_feed(slug):
    """End the calendar address"""
    with here().units() as uow:
        feeds.close_feed(uow, principal().actor, queries.by_slug(uow, slug))


def feed_url(token: str) -> str:
    return f"{here().settings.public_url}/api/v1/bookings/feeds/{token}.ics"


def read_day(text: str) -> Any:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise Invalid("not a date", errors={"date": ["Not a valid date."]}) from error


def shown(uow: UnitOfWork, location: LocationRow) -> dict[str, Any]:
    """A location as `Location` dumps it; closed days from today on."""
    today = uow.now.astimezone(ZoneInfo(location.timezone)).date()
    columns = ("slug", "name", "timezone", "address", "lead_minutes", "grid_minutes",
               "horizon_days", "ways", "services", "requires_intake", "sms_from", "is_active",
               "created_at")  # fmt: skip
    return {
        **{name: getattr(location, name) for name in columns},
        "needs_invite": location.invite_hash is not None,
        "hours": [
            {"weekday": row.weekday, "opens_at": row.start, "closes_at": row.end}
            for row in queries.hours(uow, location.id)
        ],
        "closures": queries.closures(uow, location.id, today),
        "benches": queries.benches(uow, location.id),
    }


def _set_hours(uow: UnitOfWork, slug: str, body: dict[str, Any]) -> None:
    if "hours" in body:
        week = [
            DayHours(row["weekday"], row["opens_at"], row["closes_at"]) for row in body["hours"]
        ]
        service.set_hours(uow, principal().actor, slug, week)
        uow.session.flush()
