"""Subscriptions of shop systems to our events; what was owed to each, and sending it again."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import Any

from marshmallow import Schema, ValidationError, fields, validate
from sqlalchemy import select

from bridge.api.base import IDEMPOTENCY_KEY, Blueprint, ListQuery, create, list_of, paged
from bridge.api.fields import MOST_BIGINT, Moment, Strict, Text, Whole, one_of
from bridge.auth import allow, principal
from bridge.context import here
from bridge.integrations.webhooks.outbound import Targets
from crm.core import outbox
from crm.core.errors import Invalid, NotFound, Outward, Temporary
from crm.core.events import Event
from crm.core.outbox import OutboxRow
from crm.core.paging import Page, page
from crm.core.uow import UnitOfWork
from crm.outgoing import catalogue, owing
from crm.subscriptions import service
from crm.subscriptions.models import Subscription as SubscriptionRow

blp = Blueprint(
    "subscriptions", __name__, url_prefix="/api/v1/webhooks",
    description="Events for shop systems (Standard Webhooks)",
)  # fmt: skip

ONE = f"<int(max={MOST_BIGINT}):subscription_id>"
DELIVERY = f"<int(max={MOST_BIGINT}):delivery_id>"
MOST_SUBSCRIPTIONS = 50


def _one_kind_or_all(kinds: list[str]) -> None:
    if service.EVERYTHING in kinds and len(kinds) > 1:
        raise ValidationError(f"{service.EVERYTHING} stands alone.")
    if len(set(kinds)) < len(kinds):
        raise ValidationError("Name each event once.")


class SubscriptionFields(Strict):
    """url: https, on the open internet. kinds: see `/webhooks/events`; `*` alone for all, also
    those to come. note: for people."""

    url = Text(500, required=True)
    kinds = fields.List(
        one_of(*catalogue.KINDS, service.EVERYTHING),
        required=True,
        validate=[validate.Length(min=1, max=len(catalogue.KINDS)), _one_kind_or_all],
    )
    note = Text(200, at_least=0)


class SubscriptionChange(SubscriptionFields):
    url = Text(500)
    kinds = fields.List(
        one_of(*catalogue.KINDS, service.EVERYTHING),
        validate=[validate.Length(min=1, max=len(catalogue.KINDS)), _one_kind_or_all],
    )
    is_active = fields.Boolean()


class Subscription(Schema):
    """failures: events given up one after the other; at five it is switched off. ended_reason: why
    it was switched off when nobody did."""

    id = fields.Integer()
    url = fields.String()
    kinds = fields.List(fields.String())
    note = fields.String()
    is_active = fields.Boolean()
    ended_reason = fields.String(allow_none=True)
    failures = fields.Integer()
    created_by = fields.String()
    created_at = Moment()


class SubscriptionOnce(Subscription):
    """secret: in this answer only."""

    secret = fields.String()


class SecretRotation(Strict):
    overlap_seconds = Whole(0, 7 * 86_400, load_default=int(service.SECRET_OVERLAP.total_seconds()))


class RotatedSecret(Schema):
    secret = fields.String()


class EventKind(Schema):
    kind = fields.String()
    subject = fields.String()
    meaning = fields.String()
    adds = fields.List(fields.String())


class WebhookDelivery(Schema):
    """One event owed to the address. attempts: failed ones. reason: of the last failure."""

    id = fields.Integer()
    webhook_id = fields.String()
    type = fields.String()
    state = fields.String()
    attempts = fields.Integer()
    reason = fields.String(allow_none=True)
    due_at = Moment()
    created_at = Moment()
    done_at = Moment(allow_none=True)


class WebhookDeliveryQuery(ListQuery):
    state = one_of(*outbox.STATES)


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


@blp.route("", methods=["GET"])
@allow("webhooks.manage")
@blp.arguments(ListQuery, location="query")
@blp.response(200, list_of(Subscription))
def list_subscriptions(query):
    """List subscriptions, newest first"""
    with here().units() as uow:
        rows = select(SubscriptionRow)
        return paged(query, partial(page, uow.session, rows, [SubscriptionRow.id]))


@blp.route("", methods=["POST"])
@allow("webhooks.manage")
@blp.doc(parameters=[IDEMPOTENCY_KEY])
@blp.arguments(SubscriptionFields)
@blp.response(201, SubscriptionOnce)
def create_subscription(body):
    """Subscribe an address; its secret is in this answer only"""
    _check_target(body["url"])

    def work(uow: UnitOfWork) -> dict[str, Any]:
        made, secret = service.create(uow, here().seal, principal().actor, **body)
        return Subscription().dump(made) | {"secret": secret, "created_at": made.created_at}

    return create(SubscriptionOnce, work)


@blp.route(f"/{ONE}", methods=["GET"])
@allow("webhooks.manage")
@blp.response(200, Subscription)
def show_subscription(subscription_id):
    """One subscription"""
    with here().units() as uow:
        return service.by_id(uow, subscription_id)


@blp.route(f"/{ONE}", methods=["PATCH"])
@allow("webhooks.manage")
@blp.arguments(SubscriptionChange)
@blp.response(200, Subscription)
def change_subscription(body, subscription_id):
    """Change a subscription, or switch it off and on"""
    if not body:
        raise Invalid("nothing to change")
    if "url" in body:
        _check_target(body["url"])
    with here().units() as uow:
        return service.change(uow, principal().actor, subscription_id, body)


@blp.route(f"/{ONE}", methods=["DELETE"])
@allow("webhooks.manage")
@blp.response(204)
def remove_subscription(subscription_id):
    """End a subscription; what it was still owed is given up"""
    with here().units() as uow:
        service.remove(uow, principal().actor, subscription_id)


@blp.route(f"/{ONE}/rotate-secret", methods=["POST"])
@allow("webhooks.manage")
@blp.arguments(SecretRotation)
@blp.response(200, RotatedSecret)
def rotate_subscription_secret(body, subscription_id):
    """A new secret; the present one signs beside it for a while"""
    overlap = timedelta(seconds=body["overlap_seconds"])
    with here().units() as uow:
        secret = service.rotate(
            uow, here().seal, principal().actor, subscription_id, overlap=overlap
        )
    return {"secret": secret}


@blp.route(f"/{ONE}/test", methods=["POST"])
@allow("webhooks.manage")
@blp.response(202, WebhookDelivery)
def test_subscription(subscription_id):
    """Send an event that says nothing; look at it under `deliveries`"""
    with here().units() as uow:
        service.by_id(uow, subscription_id)
        return _shown(uow.session.get_one(OutboxRow, owing.owe_test(uow, subscription_id)))


@blp.route(f"/{ONE}/deliveries", methods=["GET"])
@allow("webhooks.manage")
@blp.arguments(WebhookDeliveryQuery, location="query")
@blp.response(200, list_of(WebhookDelivery))
def list_webhook_deliveries(query, subscription_id):
    """What the address was sent or is still owed, newest first"""
    with here().units() as uow:
        service.by_id(uow, subscription_id)
        read = partial(_deliveries, uow, subscription_id, query.get("state"))
        return paged(query, read, _shown)


@blp.route(f"/{ONE}/deliveries/{DELIVERY}/replay", methods=["POST"])
@allow("webhooks.manage")
@blp.response(202, WebhookDelivery)
def replay_webhook_delivery(subscription_id, delivery_id):
    """Send an event once more, under the same `webhook-id`"""
    with here().units() as uow:
        row = uow.session.get(OutboxRow, delivery_id, with_for_update=True)
        if row is None or row.destination != owing.destination(subscription_id):
            raise NotFound("no such delivery")
        owing.again(uow, row, principal().actor)
        return _shown(row)


def described() -> dict[str, Any]:
    """Every event as OpenAPI 3.1 tells of webhooks: the body, and what to answer."""
    return {
        kind: {
            "post": {
                "summary": catalogue.PUBLIC[event].meaning,
                "operationId": f"hear_{kind.replace('.', '_')}",
                "tags": ["subscriptions"],
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


def _deliveries(
    uow: UnitOfWork, subscription_id: int, state: str | None, *, limit: int, after: Any
) -> Page:
    query = select(OutboxRow).where(
        OutboxRow.kind == owing.KIND, OutboxRow.destination == owing.destination(subscription_id)
    )
    if state is not None:
        query = query.where(OutboxRow.state == state)
    return page(uow.session, query, [OutboxRow.id], limit=limit, after=after)


def _shown(row: OutboxRow) -> dict[str, Any]:
    told = {name: getattr(row, name, None) for name in WebhookDelivery().fields}
    return told | {"webhook_id": row.body["webhook_id"], "type": row.body["event"]["type"]}


def _check_target(url: str) -> None:
    """Raises Invalid with what to write instead."""
    try:
        Targets(here().settings.webhook_networks).find(url)
    except Temporary as error:
        raise Invalid(error.detail, errors={"url": ["Its name cannot be resolved."]}) from error
    except Outward as error:
        told = f"Not usable: {error.detail}. Give an https address on the open internet."
        raise Invalid(error.detail, errors={"url": [told]}) from error
