"""What customers answered about finished repairs, one by one and summed up."""

from __future__ import annotations

from functools import partial
from typing import Any

from marshmallow import Schema, fields

from bridge.api.base import Blueprint, ListQuery, list_of, paged
from bridge.api.fields import Moment, Text
from bridge.api.periods import Period, begins, checked, ends
from bridge.auth import allow
from bridge.context import here
from crm.core.uow import UnitOfWork
from crm.followups import queries
from crm.followups.models import Survey
from crm.repairs import queries as repairs
from crm.repairs.models import Repair
from crm.tickets.models import Ticket

blp = Blueprint("reviews", __name__, url_prefix="/api/v1/reviews", description="Reviews")


class ReviewPeriod(Period):
    """technician: as written on the repair when it was rated."""

    technician = Text(200)


class ReviewQuery(ListQuery, ReviewPeriod):
    repair = Text(40)


class Review(Schema):
    """rating: 1 to 5. via: `page` or `chatwoot`. ticket: opened or raised for a low mark."""

    id = fields.Integer()
    repair = fields.String()
    device = fields.String()
    rating = fields.Integer()
    comment = fields.String(allow_none=True)
    locale = fields.String()
    via = fields.String()
    technician = fields.String(allow_none=True)
    ticket = fields.String(allow_none=True)
    at = Moment()
    changed_at = Moment()


class ReviewMark(Schema):
    """average: null below 5 answers. marks: how often 1, 2, 3, 4 and 5 were given."""

    name = fields.String(allow_none=True)
    count = fields.Integer()
    average = fields.Float(allow_none=True)
    marks = fields.List(fields.Integer())


class ReviewSummary(Schema):
    overall = fields.Nested(ReviewMark)
    by_technician = fields.List(fields.Nested(ReviewMark))


@blp.route("", methods=["GET"])
@allow("reviews.read")
@blp.arguments(ReviewQuery, location="query")
@blp.response(200, list_of(Review))
def list_reviews(query):
    """List answers, the latest first"""
    with here().units() as uow:
        read = partial(
            queries.reviews,
            uow,
            repair_id=repairs.by_ref(uow, query["repair"]).id if "repair" in query else None,
            **_wanted(query),
        )
        return paged(query, read, partial(_shown, uow))


@blp.route("/summary", methods=["GET"])
@allow("reviews.read")
@blp.arguments(ReviewPeriod, location="query")
@blp.response(200, ReviewSummary)
def sum_up_reviews(query):
    """Average and counts, all together and by technician"""
    with here().units() as uow:
        overall, by_technician = queries.summary(uow, **_wanted(query))
        return {"overall": overall, "by_technician": by_technician}


def _wanted(query: dict[str, Any]) -> dict[str, Any]:
    since, until = checked(query)
    return {
        "technician": query.get("technician"),
        "since": begins(since) if since else None,
        "until": ends(until) if until else None,
    }


def _shown(uow: UnitOfWork, survey: Survey) -> dict[str, Any]:
    """An answer as `Review` dumps it."""
    told = {column.key: getattr(survey, column.key) for column in Survey.__table__.columns}
    repair = uow.session.get_one(Repair, survey.repair_id)
    ticket = uow.session.get(Ticket, survey.ticket_id) if survey.ticket_id else None
    return told | {
        "repair": repair.ref,
        "device": repair.device,
        "ticket": ticket.ref if ticket else None,
    }
