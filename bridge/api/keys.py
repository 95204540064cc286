"""API keys: for admins."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import Any

from marshmallow import Schema, fields, validate
from sqlalchemy import select

from bridge.api.base import IDEMPOTENCY_KEY, Blueprint, ListQuery, create, list_of, paged
from bridge.api.fields import Moment, Strict, Text, Whole, one_of
from bridge.auth import allow, principal
from bridge.context import here
from crm.core.paging import page
from crm.repairs import status_maps
from crm.repairs.status_maps import Meaning
from crm.repairs.statuses import RepairFlag, RepairStatus
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
    status_map = Text(40, metadata={"description": "Ready-made names of another shop system."})


class StatusEntry(Strict):
    """name: what the shop system says. status: of ours; without it the stage stays as it is.
    flags: those that hold from then on."""

    name = Text(status_maps.MOST_NAME, required=True)
    status = one_of(*RepairStatus, load_default=None, allow_none=True)
    flags = fields.List(
        one_of(*RepairFlag), load_default=list, validate=validate.Length(max=len(RepairFlag))
    )


class NewStatusMap(Strict):
    """base: a ready-made map. statuses: entries of the key's own, which come before it."""

    base = Text(40, load_default=None, allow_none=True)
    statuses = fields.List(
        fields.Nested(StatusEntry),
        load_default=list,
        validate=validate.Length(max=status_maps.MOST_ENTRIES),
    )


class KeyStatusMap(Schema):
    """understood: every name that is taken, ours included. ready_made: what base may be."""

    base = fields.String(allow_none=True)
    statuses = fields.List(fields.Nested(StatusEntry))
    understood = fields.List(fields.String())
    ready_made = fields.List(fields.String())


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
    plain = {name: value for name, value in body.items() if name != "status_map"}

    def work(uow):
        actor = principal().actor
        made = service.create_key(uow, here().seal, actor, **plain)
        if "status_map" in body:
            uow.session.flush()
            status_maps.set_map(uow, actor, made.id, base=body["status_map"])
        return made

    return create(KeyOnce, work)


@blp.route("/<string(maxlength=40):key_id>/status-map", methods=["GET"])
@allow("keys.manage")
@blp.response(200, KeyStatusMap)
def show_status_map(key_id):
    """What the holder of a key calls the statuses"""
    with here().units() as uow:
        return _shown_map(status_maps.key_by_id(uow, key_id))


@blp.route("/<string(maxlength=40):key_id>/status-map", methods=["PUT"])
@allow("keys.manage")
@blp.arguments(NewStatusMap)
@blp.response(200, KeyStatusMap)
def set_status_map(body, key_id):
    """Replace what the holder of a key calls the statuses"""
    own = [
        Meaning(
            one["name"].strip(),
            RepairStatus(one["status"]) if one["status"] else None,
            tuple(RepairFlag(flag) for flag in one["flags"]),
        )
        for one in body["statuses"]
    ]
    with here().units() as uow:
        key = status_maps.set_map(uow, principal().actor, key_id, base=body["base"], own=own)
        return _shown_map(key)


def _shown_map(key: ApiKey) -> dict[str, Any]:
    base, own = status_maps.own_entries(key)
    return {
        "base": base,
        "statuses": own,
        "understood": status_maps.of_key(key).names,
        "ready_made": list(status_maps.ready_made()),
    }


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
