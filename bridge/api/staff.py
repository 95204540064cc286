"""Staff: for admins."""

from __future__ import annotations

from functools import partial
from typing import Any

from marshmallow import Schema, fields
from sqlalchemy import select

from bridge.api.base import IDEMPOTENCY_KEY, Blueprint, ListQuery, create, list_of, paged
from bridge.api.fields import Moment, Strict, Text, one_of
from bridge.auth import allow, principal
from bridge.context import here
from crm.core.paging import page
from crm.staff import roles, service, sessions
from crm.staff.models import Staff

blp = Blueprint("staff", __name__, url_prefix="/api/v1/staff", description="Staff")


class StaffMember(Schema):
    id = fields.Integer()
    email = fields.String()
    name = fields.String()
    role = fields.String()
    is_active = fields.Boolean()
    created_at = Moment()


class InvitedStaff(StaffMember):
    """sign_in_link: works once and for 15 minutes."""

    sign_in_link = fields.String()


class NewStaff(Strict):
    email = Text(254, required=True)
    name = Text(80, required=True)
    role = one_of(*roles.STAFF_ROLES, required=True)


def _invited(person: Staff, token: str) -> dict[str, Any]:
    link = f"{here().settings.public_url}/admin/sign-in/{token}"
    shown = ("id", "email", "name", "role", "is_active", "created_at")
    return {**{name: getattr(person, name) for name in shown}, "sign_in_link": link}


@blp.route("", methods=["GET"])
@allow("staff.manage")
@blp.arguments(ListQuery, location="query")
@blp.response(200, list_of(StaffMember))
def list_staff(query):
    """List staff, newest first"""
    with here().units() as uow:
        return paged(query, partial(page, uow.session, select(Staff), [Staff.id]))


@blp.route("", methods=["POST"])
@allow("staff.manage")
@blp.doc(parameters=[IDEMPOTENCY_KEY])
@blp.arguments(NewStaff)
@blp.response(201, InvitedStaff)
def create_staff(body):
    """Add a person; the answer carries a sign-in link for them"""

    def work(uow):
        actor = principal().actor
        person = service.create_staff(uow, actor, **body)
        token = sessions.create_link(uow, actor, person)
        return _invited(person, token)

    return create(InvitedStaff, work)


@blp.route("/<int:staff_id>/sign-in-link", methods=["POST"])
@allow("staff.manage")
@blp.doc(parameters=[IDEMPOTENCY_KEY])
@blp.response(201, InvitedStaff)
def create_sign_in_link(staff_id):
    """Make another sign-in link for a person"""

    def work(uow):
        person = service.staff_by_id(uow, staff_id)
        return _invited(person, sessions.create_link(uow, principal().actor, person))

    return create(InvitedStaff, work)


@blp.route("/<int:staff_id>/disable", methods=["POST"])
@allow("staff.manage")
@blp.response(200, StaffMember)
def disable_staff(staff_id):
    """Disable a person and end their sessions"""
    with here().units() as uow:
        return service.disable_staff(uow, principal().actor, staff_id)
