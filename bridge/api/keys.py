"""API keys: for admins."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

from marshmallow import Schema, fields
from sqlalchemy import select

from bridge.api.base import IDEMPOTENCY_KEY, Blueprint, ListQuery, create, list_of, paged
from bridge.api.fields import Moment, Strict, Text, Whole, one_of
from bridge.auth import allow, principal
from bridge.context import here
from crm.core.paging import page
from crm.staff import roles, service
from crm.staff.models import ApiKey

blp = Blueprint("keys", __name__, url_prefix="/api/v1/keys", description="API keys")


class Key(Schema):
    id = fields.String()
    name = fields.String()
    role = fields.String()
    created_at = Moment()
    expires_at = Moment(allow_none=True)
    revoked_at = Moment(allow_none=True)
    last_used_at = Moment(allow_none=True)


class KeyOnce(Schema):
    """Shown once: nobody can read `key` and `webhook_secret` again."""

    id = fields.String()
    name = fields.String()
    role = fields.String()
    key = fields.String()
    webhook_path = fields.String(allow_none=True)
    webhook_secret = fields.String(allow_none=True)


class NewKey(Strict):
    name = Text(80, required=True)
    role = one_of(*roles.ROLES, required=True)
    expires_at = Moment()


class Rotation(Strict):
    overlap_seconds = Whole(0, 7 * 86_400, load_default=int(service.SECRET_OVERLAP.total_seconds()))


class RotatedKey(Schema):
    webhook_secret = fields.String()


@blp.route("", methods=["GET"])
@allow("keys.manage")
@blp.arguments(ListQuery, location="query")
@blp.response(200, list_of(Key))
def list_keys(query):
    """List keys, newest first"""
    with here().units() as uow:
        read = partial(page, uow.session, select(ApiKey), [ApiKey.created_at, ApiKey.id])
        return paged(query, read)


@blp.route("", methods=["POST"])
@allow("keys.manage")
@blp.doc(parameters=[IDEMPOTENCY_KEY])
@blp.arguments(NewKey)
@blp.response(201, KeyOnce)
def create_key(body):
    """Create a key; its secrets are in this answer only"""
    return create(
        KeyOnce, lambda uow: service.create_key(uow, here().seal, principal().actor, **body)
    )


@blp.route("/<string(maxlength=40):key_id>/revoke", methods=["POST"])
@allow("keys.manage")
@blp.response(200, Key)
def revoke_key(key_id):
    """Revoke a key and its webhook secrets at once"""
    with here().units() as uow:
        return service.revoke_key(uow, principal().actor, key_id)


@blp.route("/<string(maxlength=40):key_id>/rotate", methods=["POST"])
@allow("keys.manage")
@blp.doc(parameters=[IDEMPOTENCY_KEY])
@blp.arguments(Rotation, required=False)
@blp.response(200, RotatedKey)
def rotate_key(body, key_id):
    """Make a new webhook secret; the present one stays good for a while"""
    overlap = timedelta(seconds=body["overlap_seconds"])

    def rotate(uow):
        secret = service.rotate_secret(uow, here().seal, principal().actor, key_id, overlap=overlap)
        return {"webhook_secret": secret}

    return create(RotatedKey, rotate, status=200)
