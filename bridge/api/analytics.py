"""Figures about the bench: turnaround of repairs, and who did which step."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from functools import partial
from typing import Any

from marshmallow import Schema, fields

from bridge.api.base import Blueprint, ListQuery, list_of, paged
from bridge.api.fields import Moment, Strict
from bridge.auth import allow
from bridge.context import here
from crm.analytics import queries, steps
from crm.analytics.models import RepairStep
from crm.core.errors import Invalid
from crm.core.hours import moment
from crm.staff import technicians

blp = Blueprint("analytics", __name__, url_prefix="/api/v1", description="Figures")

MOST_DAYS = 366
USUAL_DAYS = 30
EARLIEST, LATEST = date(2000, 1, 1), date(9000, 1, 1)


class Period(Strict):
    """Days of the shop's calendar, both inclusive."""

    since = fields.Date(data_key="from")
    until = fields.Date(data_key="to")


class CreditQuery(ListQuery, Period):
    pass


class Turnaround(Schema):
    """Elapsed hours. name: of the group."""

    name = fields.String(allow_none=True)
    count = fields.Integer()
    median_hours = fields.Float(allow_none=True)
    p85_hours = fields.Float(allow_none=True)


class RepairFigures(Schema):
    """repairs, by_device: from taking in to the end of the work. by_status, by_technician: of
    steps. At most 50 groups each, the largest first."""

    since = fields.Date(data_key="from")
    until = fields.Date(data_key="to")
    repairs = fields.Nested(Turnaround)
    by_status = fields.List(fields.Nested(Turnaround))
    by_technician = fields.List(fields.Nested(Turnaround))
    by_device = fields.List(fields.Nested(Turnaround))


class Credit(Schema):
    """One finished step. status: the stage that was done. actor: who reported it."""

    repair = fields.String()
    device = fields.String()
    status = fields.String()
    to_status = fields.String()
    started_at = Moment()
    finished_at = Moment()
    hours = fields.Float()
    actor_kind = fields.String()
    actor_name = fields.String()


@blp.route("/analytics/repairs", methods=["GET"])
@allow("analytics.read")
@blp.arguments(Period, location="query")
@blp.response(200, RepairFigures)
def repair_figures(query):
    """How long repairs took, by status, technician and device"""
    with here().units() as uow:
        today = uow.now.astimezone(here().shop.timezone).date()
        last = _sane(query.get("until", today), "to")
        first = _sane(query.get("since", last - timedelta(days=USUAL_DAYS - 1)), "from")
        if not timedelta() <= last - first < timedelta(days=MOST_DAYS):
            told = [f"Must end after it begins and span at most {MOST_DAYS} days."]
            raise Invalid("period does not fit", errors={"to": told})
        found = queries.report(uow, _midnight(first), _midnight(last + timedelta(days=1)))
        return {
            "since": first,
            "until": last,
            **{
                name: getattr(found, name)
                for name in ("repairs", "by_status", "by_technician", "by_device")
            },
        }


@blp.route("/technicians/<int:technician_id>/credit", methods=["GET"])
@allow("analytics.read")
@blp.arguments(CreditQuery, location="query")
@blp.response(200, list_of(Credit))
def list_credit(query, technician_id):
    """The steps a technician finished, newest first"""
    with here().units() as uow:
        technicians.by_id(uow, technician_id)
        since, until = query.get("since"), query.get("until")
        read = partial(
            steps.of_technician,
            uow,
            technician_id,
            since=_midnight(_sane(since, "from")) if since else None,
            until=_midnight(_sane(until, "to") + timedelta(days=1)) if until else None,
        )
        return paged(query, read, _shown)


def _shown(step: RepairStep) -> dict[str, Any]:
    columns = ("status", "to_status", "started_at", "finished_at", "actor_kind", "actor_name")
    return {
        **{name: getattr(step, name) for name in columns},
        "repair": step.repair.ref,
        "device": step.repair.device,
        "hours": (step.finished_at - step.started_at) / timedelta(hours=1),
    }


def _sane(day: date, field: str) -> date:
    if not EARLIEST <= day <= LATEST:
        raise Invalid("period does not fit", errors={field: ["Not a day of this trade."]})
    return day


def _midnight(day: date) -> datetime:
    return moment(day, time(0), here().shop.timezone)
