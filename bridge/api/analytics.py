"""Figures about the bench: turnaround of repairs, what came back, and who did which step."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from functools import partial
from typing import Any

from marshmallow import Schema, fields

from bridge.api.base import Blueprint, ListQuery, list_of, paged
from bridge.api.fields import Moment
from bridge.api.periods import Period, begins, checked, ends, filled
from bridge.auth import allow
from bridge.context import here
from crm.analytics import queries, steps
from crm.analytics.models import RepairStep
from crm.core.errors import Invalid
from crm.staff import technicians
from crm.warranties import figures

blp = Blueprint("analytics", __name__, url_prefix="/api/v1", description="Figures")

MOST_DAYS = 366
USUAL_DAYS = 30
USUAL_WARRANTY_DAYS = 365


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


class ComeBackShare(Schema):
    """Lines with a warranty, and how many came back within it. rate: 0 to 1, null below 10 lines.

    name: the repair type's slug, or the technician; null of all together.
    """

    name = fields.String(allow_none=True)
    lines = fields.Integer()
    came_back = fields.Integer()
    rate = fields.Float(allow_none=True)


class ComeBackFigures(Schema):
    """Of devices handed over in this time. At most 50 groups each, the largest first.

    A warranty may still run, so that the share of late days can only grow.
    """

    since = fields.Date(data_key="from")
    until = fields.Date(data_key="to")
    overall = fields.Nested(ComeBackShare)
    by_repair_type = fields.List(fields.Nested(ComeBackShare))
    by_technician = fields.List(fields.Nested(ComeBackShare))


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
        first, last = _days(query, uow.now, USUAL_DAYS)
        found = queries.report(uow, begins(first), ends(last))
        return {
            "since": first,
            "until": last,
            **{
                name: getattr(found, name)
                for name in ("repairs", "by_status", "by_technician", "by_device")
            },
        }


@blp.route("/analytics/come-backs", methods=["GET"])
@allow("analytics.read")
@blp.arguments(Period, location="query")
@blp.response(200, ComeBackFigures)
def come_back_figures(query):
    """How much of the work came back under its warranty, by repair type and technician

    Without days: of the last 365.
    """
    with here().units() as uow:
        first, last = _days(query, uow.now, USUAL_WARRANTY_DAYS)
        return {"since": first, "until": last, **vars(figures.come_backs(uow, first, last))}


@blp.route("/technicians/<int:technician_id>/credit", methods=["GET"])
@allow("analytics.read")
@blp.arguments(CreditQuery, location="query")
@blp.response(200, list_of(Credit))
def list_credit(query, technician_id):
    """The steps a technician finished, newest first"""
    with here().units() as uow:
        technicians.by_id(uow, technician_id)
        since, until = checked(query)
        read = partial(
            steps.of_technician,
            uow,
            technician_id,
            since=begins(since) if since else None,
            until=ends(until) if until else None,
        )
        return paged(query, read, _shown)


def _days(query: Mapping[str, Any], now: datetime, usual_days: int) -> tuple[date, date]:
    """Raises Invalid by field."""
    first, last = filled(query, now.astimezone(here().shop.timezone).date(), usual_days)
    if last - first >= timedelta(days=MOST_DAYS):
        told = [f"Must span at most {MOST_DAYS} days."]
        raise Invalid("period does not fit", errors={"to": told})
    return first, last


def _shown(step: RepairStep) -> dict[str, Any]:
    columns = ("status", "to_status", "started_at", "finished_at", "actor_kind", "actor_name")
    return {
        **{name: getattr(step, name) for name in columns},
        "repair": step.repair.ref,
        "device": step.repair.device,
        "hours": (step.finished_at - step.started_at) / timedelta(hours=1),
    }
