"""Repairs: staff see all of them, a shop system sees and reports its own."""

from __future__ import annotations

from functools import partial
from typing import Any

from marshmallow import RAISE, Schema, fields
from sqlalchemy import select

from bridge.api import people
from bridge.api.base import IDEMPOTENCY_KEY, Blueprint, ListQuery, create, list_of, paged
from bridge.api.bodies import tracking_link
from bridge.api.fields import MOST_BIGINT, Moment, Strict, Text, Whole, one_of
from bridge.auth import allow, principal
from bridge.context import here
from bridge.integrations.shop.schemas import StatusFields
from crm import taking_in
from crm.core.errors import Conflict, Invalid
from crm.core.uow import UnitOfWork
from crm.customers import queries as customer_queries
from crm.customers import service as customers
from crm.repairs import queries, service
from crm.repairs.models import Repair as RepairRow
from crm.repairs.opening import NewRepair
from crm.repairs.service import Address, StatusNews
from crm.repairs.statuses import RepairFlag, RepairStatus
from crm.staff.roles import SHOP
from crm.tickets import queries as ticket_queries
from crm.tickets import service as tickets

blp = Blueprint("repairs", __name__, url_prefix="/api/v1/repairs", description="Repairs")

REF = "<string(maxlength=40):ref>"


class Repair(Schema):
    """estimate_minor: in the smallest unit of `currency`. customer, tickets: references.

    tracking_url: null for roles that only look, since its page leads to the customer's decisions.
    """

    ref = fields.String()
    external_id = fields.String(allow_none=True)
    customer = fields.String(allow_none=True)
    tickets = fields.List(fields.String())
    device = fields.String()
    problem = fields.String()
    status = fields.String()
    status_at = Moment()
    flags = fields.List(fields.String())
    technician = fields.String(allow_none=True)
    place = fields.String(allow_none=True)
    estimated_completion = fields.Date(allow_none=True)
    estimate_minor = fields.Integer(allow_none=True)
    currency = fields.String()
    tracking_url = fields.String(allow_none=True)
    received_at = Moment()
    updated_at = Moment()


class RepairQuery(ListQuery):
    status = one_of(*RepairStatus)
    flag = one_of(*RepairFlag)
    external_id = Text(255)
    place = Text(40)
    q = Text(100, metadata={"description": "Part of a reference, device or place."})
    customer = Text(40)
    ticket = Text(40)


class Intake(Strict):
    """customer_ref names a customer we know; customer describes one.

    ticket, conversation_id: where the repair is talked about.
    """

    device = Text(255, at_least=0, load_default="")
    problem = Text(2000, at_least=0, load_default="")
    customer_ref = Text(40)
    customer = fields.Nested(people.NewPerson)
    ticket = Text(40)
    conversation_id = Whole(1)
    external_id = Text(255)
    status = one_of(*RepairStatus, load_default=RepairStatus.RECEIVED)
    version = Whole(0)
    technician = Text(255)
    estimated_completion = fields.Date()
    estimate_minor = Whole(0)
    note = Text(2000)
    occurred_at = Moment()


class RepairChange(Strict):
    flags = fields.List(one_of(*RepairFlag), validate=fields.validate.Length(max=len(RepairFlag)))
    estimated_completion = fields.Date()
    estimate_minor = Whole(0, MOST_BIGINT)
    note = Text(2000)


class Update(StatusFields):
    """The fields of the shop event repair.status_changed."""

    class Meta:
        unknown = RAISE

    version = Whole(0, load_default=None, allow_none=True)
    occurred_at = Moment(load_default=None, allow_none=True)


class Entry(Schema):
    """outcome: only `created` and `moved` inform the customer. note is for the customer."""

    id = fields.Integer()
    outcome = fields.String()
    from_status = fields.String(allow_none=True)
    to_status = fields.String(allow_none=True)
    note = fields.String(allow_none=True)
    internal_note = fields.String(allow_none=True)
    reason = fields.String(allow_none=True)
    actor_kind = fields.String()
    actor_name = fields.String()
    version = fields.Integer(allow_none=True)
    details = fields.Dict()
    occurred_at = Moment()
    recorded_at = Moment()


class Updated(Schema):
    """outcome: `moved`, `repeated`, `late` or `corrected`."""

    outcome = fields.String()
    repair = fields.Nested(Repair)
    entry = fields.Nested(Entry)


@blp.route("", methods=["GET"])
@allow("repairs.read")
@blp.arguments(RepairQuery, location="query")
@blp.response(200, list_of(Repair))
def list_repairs(query):
    """List repairs, newest first"""
    with here().units() as uow:
        customer = customers.by_ref(uow, query["customer"]) if "customer" in query else None
        ticket = tickets.by_ref(uow, query["ticket"]) if "ticket" in query else None
        read = partial(
            queries.listed,
            uow,
            **{name: query.get(name) for name in ("status", "flag", "external_id", "place")},
            words=query.get("q"),
            customer_id=customer.id if customer else None,
            ticket_id=ticket.id if ticket else None,
            owner_key=principal().owner_key,
        )
        return paged(query, read, partial(shown, uow))


@blp.route("", methods=["POST"])
@allow("repairs.create")
@blp.doc(parameters=[IDEMPOTENCY_KEY])
@blp.arguments(Intake)
@blp.response(201, Repair)
def create_repair(body):
    """Take in a repair"""
    return create(Repair, lambda uow: shown(uow, _take_in(uow, body)))


@blp.route(f"/{REF}", methods=["GET"])
@allow("repairs.read")
@blp.response(200, Repair)
def show_repair(ref):
    """Show a repair"""
    with here().units() as uow:
        return shown(uow, queries.by_ref(uow, ref, owner_key=principal().owner_key))


@blp.route(f"/{REF}", methods=["PATCH"])
@allow("repairs.update")
@blp.arguments(RepairChange)
@blp.response(200, Repair)
def change_repair(body, ref):
    """Change flags, estimate or promised date"""
    if not body:
        raise Invalid("nothing to change")
    address, actor = _address(ref), principal().actor
    with here().units() as uow:
        if "flags" in body:
            service.set_flags(uow, address, [RepairFlag(flag) for flag in body["flags"]], actor)
        if body.keys() - {"flags"}:
            service.change_estimate(
                uow,
                address,
                actor,
                estimated_on=body.get("estimated_completion"),
                estimate_minor=body.get("estimate_minor"),
                note=body.get("note"),
            )
        return shown(uow, service.find(uow, address))


@blp.route(f"/{REF}/updates", methods=["POST"])
@allow("repairs.update")
@blp.doc(parameters=[IDEMPOTENCY_KEY])
@blp.arguments(Update)
@blp.response(201, Updated)
def update_repair(body, ref):
    """Report a status; late and repeated news is kept and informs nobody"""
    body = {**body, "estimated_on": body["estimated_completion"]}
    del body["estimated_completion"]
    news = StatusNews(**body, by_staff=principal().role != SHOP)

    def work(uow):
        reported = service.change_status(uow, _address(ref), news, principal().actor)
        return {
            "outcome": reported.outcome,
            "repair": shown(uow, reported.repair),
            "entry": reported.entry,
        }

    return create(Updated, work)


@blp.route(f"/{REF}/history", methods=["GET"])
@allow("repairs.read")
@blp.arguments(ListQuery, location="query")
@blp.response(200, list_of(Entry))
def list_history(query, ref):
    """What happened, oldest first"""
    with here().units() as uow:
        repair = queries.by_ref(uow, ref, owner_key=principal().owner_key)
        return paged(query, partial(queries.history, uow, repair.id))


def shown(uow: UnitOfWork, repair: Any) -> dict[str, Any]:
    """A repair as `Repair` dumps it."""
    columns = ("ref", "external_id", "device", "problem", "status", "status_at", "flags",
               "technician", "place", "estimate_minor", "currency", "received_at", "updated_at")  # fmt: skip
    return {
        **{name: getattr(repair, name) for name in columns},
        "customer": customer_queries.refs(uow, [repair.customer_id]).get(repair.customer_id),
        "tickets": ticket_queries.refs(uow, queries.ticket_ids(uow, repair.id)),
        "estimated_completion": repair.estimated_on,
        "tracking_url": tracking_link(repair),
    }


def _take_in(uow: UnitOfWork, body: dict[str, Any]) -> RepairRow:
    actor, owner = principal().actor, principal().owner_key
    if "external_id" in body:
        _refuse_known(uow, owner, body["external_id"])
    ticket = taking_in.talked_about(
        uow,
        here().settings.chatwoot.account_id,
        ticket=body.get("ticket"),
        conversation=body.get("conversation_id"),
    )
    known, described = body.get("customer_ref"), body.get("customer")
    return taking_in.take_in(
        uow,
        NewRepair(
            customer_id=customers.by_ref(uow, known).id if known else None,
            device=body["device"],
            problem=body["problem"],
            status=RepairStatus(body["status"]),
            owner_key=owner,
            external_id=body.get("external_id"),
            version=body.get("version"),
            technician=body.get("technician"),
            estimated_on=body.get("estimated_completion"),
            estimate_minor=body.get("estimate_minor"),
            currency=here().shop.currency,
            occurred_at=body.get("occurred_at"),
            note=body.get("note"),
        ),
        actor,
        by_staff=owner is None,
        person=customers.told(**described, by_staff=owner is None) if described else None,
        ticket=ticket,
    )


def _refuse_known(uow: UnitOfWork, owner: str | None, external_id: str) -> None:
    known = select(RepairRow.id).where(
        RepairRow.owner_key == owner, RepairRow.external_id == external_id
    )
    if uow.session.scalar(known):
        raise Conflict("a repair with this external_id exists", code="external-id-taken")


def _address(ref: str) -> Address:
    return Address(ref=ref, owner_key=principal().owner_key)
