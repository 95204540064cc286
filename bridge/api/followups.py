"""Follow-ups: those planned at the handing over, and those that staff add; what the shop wants."""

from __future__ import annotations

from functools import partial
from typing import Any
from urllib.parse import urlsplit

from marshmallow import Schema, ValidationError, fields

from bridge.api import bodies
from bridge.api.base import IDEMPOTENCY_KEY, Blueprint, ListQuery, create, list_of, paged
from bridge.api.fields import MOST_BIGINT, Flag, Moment, Strict, Text, Whole, one_of
from bridge.api.whose import whose
from bridge.auth import allow, principal
from bridge.context import here
from crm.core.errors import Invalid
from crm.core.uow import UnitOfWork
from crm.customers import queries as customer_queries
from crm.customers import service as customers
from crm.followups import queries, rules, service, settings
from crm.followups.models import FollowUp as FollowUpRow
from crm.followups.round import hand_on
from crm.followups.rules import Wish, Wishes
from crm.repairs import queries as repairs
from crm.repairs.models import Repair

blp = Blueprint("follow-ups", __name__, url_prefix="/api/v1", description="Follow-ups")

FOLLOW_UP = f"/follow-ups/<int(max={MOST_BIGINT}):follow_up_id>"


def _is_public_address(url: str) -> None:
    try:
        parts = urlsplit(url)
        is_fit = (
            parts.scheme == "https" and parts.hostname and not (parts.username or parts.password)
        )
    except ValueError:
        is_fit = False
    if not is_fit or any(sign.isspace() or not sign.isprintable() for sign in url):
        raise ValidationError("Must be an https address.")


class FollowUpRequest(Strict):
    """repair or customer. words: sent as they are; at once, or within ten minutes after `due_at`; at
    night when the shop writes next."""

    repair = Text(40)
    customer = Text(40)
    words = Text(2000, required=True)
    due_at = Moment()


class FollowUpChange(Strict):
    """due_at: moves it; one that failed is tried again then. state: `cancelled` ends it."""

    due_at = Moment()
    words = Text(2000)
    state = one_of(rules.CANCELLED)


class FollowUpQuery(ListQuery):
    repair = Text(40)
    customer = Text(40)
    state = one_of(*rules.STATES)
    kind = one_of(*rules.KINDS)


class FollowUp(Schema):
    """words: of `custom`. reason: why it ended."""

    id = fields.Integer()
    repair = fields.String(allow_none=True)
    customer = fields.String()
    kind = one_of(*rules.KINDS)
    state = one_of(*rules.STATES)
    words = fields.String(allow_none=True)
    due_at = Moment()
    sent_at = Moment(allow_none=True)
    closed_at = Moment(allow_none=True)
    reason = fields.String(allow_none=True)
    created_by = fields.String()
    created_at = Moment()


class FollowUpWish(Strict):
    """days: after the repair was handed over."""

    is_on = Flag(required=True)
    days = Whole(0, rules.MOST_DAYS, required=True)


class FollowUpWishes(Strict):
    """review_url: where customers write reviews; without it nobody is asked for one."""

    review_url = Text(500, required=True, allow_none=True, validate=_is_public_address)
    survey = fields.Nested(FollowUpWish, required=True)
    review_request = fields.Nested(FollowUpWish, required=True)
    maintenance = fields.Nested(FollowUpWish, required=True)


@blp.route("/follow-ups", methods=["GET"])
@allow("followups.read")
@blp.arguments(FollowUpQuery, location="query")
@blp.response(200, list_of(FollowUp))
def list_follow_ups(query):
    """List follow-ups, newest first"""
    with here().units() as uow:
        read = partial(
            queries.listed,
            uow,
            **whose(uow, query),
            state=query.get("state"),
            kind=query.get("kind"),
        )
        return paged(query, read, partial(_shown, uow))


@blp.route("/follow-ups", methods=["POST"])
@allow("followups.write")
@blp.doc(parameters=[IDEMPOTENCY_KEY])
@blp.arguments(FollowUpRequest)
@blp.response(201, FollowUp)
def add_follow_up(body):
    """Send a message in your own words, now or later"""

    def work(uow: UnitOfWork) -> dict[str, Any]:
        customer_id, repair_id = _subject(uow, body)
        added = service.add(
            uow, customer_id, repair_id, body["words"], body.get("due_at"), principal().actor
        )
        if "due_at" not in body:
            hand_on(uow, added, here().shop.timezone)
        return _shown(uow, added)

    return create(FollowUp, work)


@blp.route(FOLLOW_UP, methods=["GET"])
@allow("followups.read")
@blp.response(200, FollowUp)
def show_follow_up(follow_up_id):
    """One follow-up"""
    with here().units() as uow:
        return _shown(uow, queries.by_id(uow, follow_up_id))


@blp.route(FOLLOW_UP, methods=["PATCH", "PUT"])
@allow("followups.write")
@blp.arguments(FollowUpChange)
@blp.response(200, FollowUp)
def change_follow_up(body, follow_up_id):
    """Move, reword or cancel a follow-up that has not left"""
    if not body or ("state" in body and len(body) > 1):
        raise Invalid("give a new time or words, or cancel it")
    with here().units() as uow:
        if "state" in body:
            return _shown(uow, service.cancel(uow, follow_up_id, principal().actor))
        return _shown(uow, service.change(uow, follow_up_id, **body))


@blp.route("/follow-up-settings", methods=["GET"])
@allow("followups.read")
@blp.response(200, FollowUpWishes)
def show_wishes():
    """What is planned when a repair is handed over"""
    with here().units() as uow:
        return _wishes(settings.read(uow))


@blp.route("/follow-up-settings", methods=["PUT"])
@allow("followups.manage")
@blp.arguments(FollowUpWishes)
@blp.response(200, FollowUpWishes)
def change_wishes(body):
    """Change what is planned from now on; audited"""
    kinds = {kind: Wish(**body[kind]) for kind in rules.PLANNED}
    with here().units() as uow:
        settings.change(uow, Wishes(body["review_url"], kinds), principal().actor)
        return _wishes(settings.read(uow))


def _wishes(wishes: Wishes) -> dict[str, Any]:
    return {"review_url": wishes.review_url, **wishes.kinds}


def _subject(uow: UnitOfWork, body: dict[str, Any]) -> tuple[int, int | None]:
    """Customer and repair. Raises NotFound, Invalid."""
    customer_id = customers.by_ref(uow, body["customer"]).id if "customer" in body else None
    if "repair" not in body:
        if customer_id is None:
            raise Invalid("whom to write to", errors={"customer": ["Give a repair or a customer."]})
        return customer_id, None
    repair = repairs.by_ref(uow, body["repair"])
    if repair.customer_id is None:
        raise Invalid("nobody to write to", errors={"repair": ["It has no customer."]})
    if customer_id not in (None, repair.customer_id):
        raise Invalid("they differ", errors={"customer": ["Not the customer of this repair."]})
    return repair.customer_id, repair.id


def _shown(uow: UnitOfWork, row: FollowUpRow) -> dict[str, Any]:
    """A follow-up as `FollowUp` dumps it."""
    told = {column.key: getattr(row, column.key) for column in FollowUpRow.__table__.columns}
    repair = uow.session.get(Repair, row.repair_id) if row.repair_id else None
    return told | {
        "words": bodies.readable(row.words, [repair] if repair else []) if row.words else None,
        "repair": repair.ref if repair else None,
        "customer": customer_queries.refs(uow, [row.customer_id]).get(row.customer_id),
    }
