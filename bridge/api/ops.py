"""Operations: the inbox (`deliveries`), the outbox (`effects`), their dead letters, and health.

Both tables have the same routes, so they are made by one function.
"""

from __future__ import annotations

from functools import partial

from marshmallow import Schema, fields

from bridge.api.base import Blueprint, ListQuery, list_of, paged
from bridge.api.fields import Flag, Moment, Strict, Text, one_of
from bridge.auth import allow, principal
from bridge.context import here
from crm.core import deadletters, inbox, ops, outbox
from crm.core.deadletters import Filter, Table

blp = Blueprint("ops", __name__, url_prefix="/api/v1/ops", description="Operations")


class Backlog(Schema):
    name = fields.String()
    state = fields.String()
    count = fields.Integer()
    oldest_seconds = fields.Float()


class Closed(Schema):
    name = fields.String()
    until = Moment()
    reason = fields.String(allow_none=True)


class Duty(Schema):
    name = fields.String()
    age_seconds = fields.Float(allow_none=True)
    error = fields.String(allow_none=True)


class Health(Schema):
    at = Moment()
    inbox = fields.List(fields.Nested(Backlog))
    outbox = fields.List(fields.Nested(Backlog))
    inbox_oldest_seconds = fields.Float()
    outbox_oldest_seconds = fields.Float()
    dead = fields.Integer()
    unsure = fields.Integer()
    lost_leases = fields.Integer()
    closed = fields.List(fields.Nested(Closed))
    duties = fields.List(fields.Nested(Duty))
    reconcile_age_seconds = fields.Float(allow_none=True)
    reconcile_found = fields.Integer()
    drift_seconds = fields.Float()


class _Row(Schema):
    id = fields.Integer()
    state = fields.String()
    attempts = fields.Integer()
    errors = fields.Integer()
    lost_leases = fields.Integer()
    due_at = Moment()
    reason = fields.String(allow_none=True)
    done_at = Moment(allow_none=True)


class DeliveryRow(_Row):
    source = fields.String()
    sender = fields.String()
    type = fields.String()
    subject = fields.String()
    delivery_key = fields.String()
    received_at = Moment()
    occurred_at = Moment(allow_none=True)
    request_id = fields.String(allow_none=True)


class EffectRow(_Row):
    kind = fields.String()
    mode = fields.String()
    effect_key = fields.String()
    destination = fields.String()
    lane = fields.String()
    created_at = Moment()
    deadline_at = Moment(allow_none=True)
    first_tried_at = Moment(allow_none=True)
    may_have_left = fields.Boolean()


class _Shown:
    """body: contacts, tokens and long words masked; null when no longer kept."""

    body = fields.Function(
        deadletters.masked, metadata={"type": ["object", "array", "string", "null"]}
    )


class Delivery(_Shown, DeliveryRow):
    pass


class Effect(_Shown, EffectRow):
    pass


class _Narrowing(Strict):
    source = Text(80)
    type = Text(120)
    reason = Text(200)
    since = Moment()
    until = Moment()


class _DeliveryNarrowing(_Narrowing):
    sender = Text(200)


class DeliveryQuery(_DeliveryNarrowing, ListQuery):
    state = one_of(*inbox.STATES)


class EffectQuery(_Narrowing, ListQuery):
    state = one_of(*outbox.STATES)


class Discarding(Strict):
    reason = Text(200, required=True)


class _Bulk:
    dry_run = Flag(load_default=False)


class DeliveryBulk(_Bulk, _DeliveryNarrowing):
    pass


class EffectBulk(_Bulk, _Narrowing):
    pass


class _Why:
    why = Text(200, required=True)


class DeliveryBulkDiscard(_Why, DeliveryBulk):
    pass


class EffectBulkDiscard(_Why, EffectBulk):
    pass


class Outcome(Schema):
    matched = fields.Integer()
    changed = fields.Integer()
    ids = fields.List(fields.Integer())


@blp.route("/health", methods=["GET"])
@allow("ops.read")
@blp.response(200, Health)
def health():
    """How far behind the service is"""
    with here().units() as uow:
        return ops.snapshot(uow)


def _add_routes(
    noun: str,
    table: Table,
    row: type[Schema],
    shown: type[Schema],
    query_schema: type[Schema],
    bulk_schema: type[Schema],
    bulk_discard_schema: type[Schema],
) -> None:
    @blp.route(f"/{noun}", methods=["GET"], endpoint=f"list_{noun}")
    @allow("ops.read")
    @blp.arguments(query_schema, location="query")
    @blp.response(200, list_of(row))
    def list_rows(query):
        """List rows, newest first"""
        filters = {name: query[name] for name in query if name not in ("limit", "cursor")}
        with here().units() as uow:
            return paged(query, partial(deadletters.listed, uow, table, Filter(**filters)))

    @blp.route(f"/{noun}/<int:row_id>", methods=["GET"], endpoint=f"show_{noun}")
    @allow("ops.read")
    @blp.response(200, shown)
    def show_row(row_id):
        """Show one row with its body masked"""
        with here().units() as uow:
            return deadletters.show(uow, table, row_id)

    @blp.route(f"/{noun}/<int:row_id>/replay", methods=["POST"], endpoint=f"replay_{noun}")
    @allow("ops.replay")
    @blp.response(200, row)
    def replay_row(row_id):
        """Let a dead row be worked on again, under its own keys"""
        with here().units() as uow:
            return deadletters.replay(uow, table, row_id, principal().actor)

    @blp.route(f"/{noun}/<int:row_id>/discard", methods=["POST"], endpoint=f"discard_{noun}")
    @allow("ops.replay")
    @blp.arguments(Discarding)
    @blp.response(200, row)
    def discard_row(body, row_id):
        """Settle a dead row without doing it"""
        with here().units() as uow:
            return deadletters.discard(uow, table, row_id, principal().actor, body["reason"])

    @blp.route(f"/{noun}/replay", methods=["POST"], endpoint=f"replay_many_{noun}")
    @allow("ops.replay")
    @blp.arguments(bulk_schema)
    @blp.response(200, Outcome)
    def replay_rows(body):
        """Replay the dead rows a filter finds, ten a second"""
        dry_run = body.pop("dry_run")
        with here().units() as uow:
            return deadletters.replay_many(
                uow, table, Filter(**body), principal().actor, dry_run=dry_run
            )

    @blp.route(f"/{noun}/discard", methods=["POST"], endpoint=f"discard_many_{noun}")
    @allow("ops.replay")
    @blp.arguments(bulk_discard_schema)
    @blp.response(200, Outcome)
    def discard_rows(body):
        """Discard the dead rows a filter finds; `why` is kept with them"""
        dry_run, why = body.pop("dry_run"), body.pop("why")
        with here().units() as uow:
            return deadletters.discard_many(
                uow, table, Filter(**body), principal().actor, why, dry_run=dry_run
            )


_add_routes(
    "deliveries", "inbox", DeliveryRow, Delivery, DeliveryQuery, DeliveryBulk, DeliveryBulkDiscard
)
_add_routes("effects", "outbox", EffectRow, Effect, EffectQuery, EffectBulk, EffectBulkDiscard)
