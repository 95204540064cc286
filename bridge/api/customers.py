"""Customers, what belongs to them, and merging."""

from __future__ import annotations

from functools import partial
from typing import Any

from marshmallow import Schema, fields

from bridge.api import notifications, people, repairs, ticket_schemas
from bridge.api.base import IDEMPOTENCY_KEY, Blueprint, ListQuery, create, list_of, paged
from bridge.api.fields import Moment, Strict, Text, Whole, one_of
from bridge.auth import allow, principal
from bridge.context import here
from crm import addresses
from crm.core.errors import Invalid
from crm.core.uow import UnitOfWork
from crm.customers import merging, queries, service
from crm.mailboxes import service as mailboxes
from crm.notifications import queries as notification_queries
from crm.repairs import queries as repair_queries
from crm.tickets import queries as ticket_queries

blp = Blueprint("customers", __name__, url_prefix="/api/v1/customers", description="Customers")

REF = "<string(maxlength=40):ref>"
_CONTEXT_ROWS = 10


class Customer(Schema):
    ref = fields.String()
    name = fields.String()
    email = fields.String(allow_none=True)
    phone = fields.String(allow_none=True)
    locale = fields.String(allow_none=True)
    created_at = Moment()
    updated_at = Moment()


class CustomerQuery(ListQuery):
    q = Text(200)
    email = Text(254)
    phone = Text(20)
    chatwoot_contact_id = Whole(1)


class Unreachable(Schema):
    """channel: mail, sms or whatsapp, to the address or number the customer shows."""

    channel = fields.String()
    reason = fields.String()
    since = Moment()


class Context(Schema):
    """Newest first, at most ten of each. unreachable: channels that are not tried any more."""

    customer = fields.Nested(Customer)
    repairs = fields.List(fields.Nested(repairs.Repair))
    tickets = fields.List(fields.Nested(ticket_schemas.Ticket))
    notifications = fields.List(fields.Nested(notifications.Notification))
    unreachable = fields.List(fields.Nested(Unreachable))


class Merging(Strict):
    """merge: reference of the customer that becomes part of this one."""

    merge = Text(40, required=True)


class Merge(Schema):
    id = fields.Integer()
    kept = fields.String()
    merged = fields.String()
    at = Moment()
    undone_at = Moment(allow_none=True)


class SuggestionQuery(ListQuery):
    state = one_of("open", "merged", "dismissed")


class Suggestion(Schema):
    id = fields.Integer()
    customer = fields.String()
    other = fields.String()
    reason = fields.String()
    state = fields.String()
    created_at = Moment()


@blp.route("", methods=["GET"])
@allow("customers.read")
@blp.arguments(CustomerQuery, location="query")
@blp.response(200, list_of(Customer))
def list_customers(query):
    """List or find customers, newest first"""
    contact_id = query.get("chatwoot_contact_id")
    account_id = here().settings.chatwoot.account_id
    with here().units() as uow:
        read = partial(
            queries.listed,
            uow,
            q=query.get("q"),
            email=query.get("email"),
            phone=query.get("phone"),
            chatwoot_contact=f"{account_id}:{contact_id}" if contact_id else None,
        )
        return paged(query, read)


@blp.route("", methods=["POST"])
@allow("customers.write")
@blp.doc(parameters=[IDEMPOTENCY_KEY])
@blp.arguments(people.NewPerson)
@blp.response(201, Customer)
def create_customer(body):
    """Add a customer; what staff type is taken as proven"""
    return create(
        Customer, lambda uow: service.create(uow, service.told(**body), principal().actor)
    )


@blp.route("/merge-suggestions", methods=["GET"])
@allow("customers.read")
@blp.arguments(SuggestionQuery, location="query")
@blp.response(200, list_of(Suggestion))
def list_suggestions(query):
    """Pairs that may be the same customer"""
    with here().units() as uow:

        def shown(row: Any) -> dict[str, Any]:
            refs = queries.refs(uow, [row.customer_id, row.other_id])
            return {
                "id": row.id, "customer": refs[row.customer_id], "other": refs[row.other_id],
                "reason": row.reason, "state": row.state, "created_at": row.created_at,
            }  # fmt: skip

        return paged(query, partial(queries.suggestions, uow, state=query.get("state")), shown)


@blp.route("/merges/<int:merge_id>/undo", methods=["POST"])
@allow("customers.merge")
@blp.response(200, Merge)
def undo_merge(merge_id):
    """Part two customers again, within 30 days"""
    with here().units() as uow:
        return _merge(uow, merging.undo(uow, merge_id, principal().actor))


@blp.route(f"/{REF}", methods=["GET"])
@allow("customers.read")
@blp.response(200, Customer)
def show_customer(ref):
    """Show a customer; the reference of a merged one shows the one that stayed"""
    with here().units() as uow:
        return service.by_ref(uow, ref)


@blp.route(f"/{REF}", methods=["PATCH"])
@allow("customers.write")
@blp.arguments(people.PersonChange)
@blp.response(200, Customer)
def change_customer(body, ref):
    """Change a customer"""
    if not body:
        raise Invalid("nothing to change")
    with here().units() as uow:
        if body.get("email"):
            mailboxes.heard(uow, body["email"], "staff entered it again")
        return service.update(uow, ref, body, principal().actor)


@blp.route(f"/{REF}/context", methods=["GET"])
@allow("customers.read")
@blp.response(200, Context)
def show_context(ref):
    """What to know before answering: repairs, tickets and messages"""
    with here().units() as uow:
        customer = service.by_ref(uow, ref)
        wanted = {"customer_id": customer.id, "limit": _CONTEXT_ROWS}
        return {
            "customer": customer,
            "repairs": [
                repairs.shown(uow, row) for row in repair_queries.listed(uow, **wanted).items
            ],
            "tickets": [
                ticket_schemas.shown(uow, row) for row in ticket_queries.listed(uow, **wanted).items
            ],
            "notifications": notifications.shown(
                uow, notification_queries.listed(uow, **wanted).items
            ),
            "unreachable": addresses.unreachable(uow, customer),
        }


@blp.route(f"/{REF}/merge", methods=["POST"])
@allow("customers.merge")
@blp.doc(parameters=[IDEMPOTENCY_KEY])
@blp.arguments(Merging)
@blp.response(201, Merge)
def merge_customers(body, ref):
    """Make another customer part of this one"""
    return create(
        Merge,
        lambda uow: _merge(uow, merging.merge(uow, ref, body["merge"], principal().actor)),
    )


def _merge(uow: UnitOfWork, journal: Any) -> dict[str, Any]:
    refs = queries.refs(uow, [journal.kept_id, journal.merged_id])
    return {
        "id": journal.id, "kept": refs[journal.kept_id], "merged": refs[journal.merged_id],
        "at": journal.at, "undone_at": journal.undone_at,
    }  # fmt: skip
