"""Subscriptions of shop systems to our events. The events are in `webhook_events.py`, what each was
owed in `webhook_deliveries.py`.
"""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import Any

from marshmallow import Schema, ValidationError, fields, validate
from sqlalchemy import select

from bridge.api.base import IDEMPOTENCY_KEY, Blueprint, ListQuery, create, list_of, paged
from bridge.api.fields import MOST_BIGINT, Flag, Moment, Strict, Text, Whole, one_of
from bridge.auth import allow, principal
from bridge.context import here
from bridge.integrations.webhooks.outbound import Targets
from crm.core.errors import Invalid, Outward, Temporary
from crm.core.paging import page
from crm.core.uow import UnitOfWork
from crm.outgoing import catalogue
from crm.subscriptions import service
from crm.subscriptions.models import Subscription as SubscriptionRow

blp = Blueprint(
    "subscriptions", __name__, url_prefix="/api/v1/webhooks",
    description="Events for shop systems (Standard Webhooks)",
)  # fmt: skip

ONE = f"<int(max={MOST_BIGINT}):subscription_id>"


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
    is_active = Flag()


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
    """End a subscription; what it was still owed is cancelled"""
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


def _check_target(url: str) -> None:
    """Raises Invalid with what to write instead."""
    try:
        Targets(here().settings.webhook_networks).find(url)
    except Temporary as error:
        raise Invalid(error.detail, errors={"url": ["Its name cannot be resolved."]}) from error
    except Outward as error:
        told = f"Not usable: {error.detail}. Give an https address on the open internet."
        raise Invalid(error.detail, errors={"url": [told]}) from error
