"""The audit log: read and checked, never written here."""

from __future__ import annotations

from functools import partial

from marshmallow import Schema, fields
from sqlalchemy import select

from bridge.api.base import Blueprint, ListQuery, list_of, paged
from bridge.api.fields import Moment
from bridge.auth import allow
from bridge.context import here
from crm.core import audit
from crm.core.audit import AuditRow
from crm.core.paging import page

blp = Blueprint("audit", __name__, url_prefix="/api/v1/audit", description="Audit log")


class AuditEntry(Schema):
    id = fields.Integer()
    at = Moment()
    actor_kind = fields.String()
    actor_name = fields.String()
    action = fields.String()
    target = fields.String()
    details = fields.Dict()
    hash = fields.String()


class Verdict(Schema):
    """first_wrong: id of the first entry that does not fit its chain, null when all fit."""

    ok = fields.Boolean()
    entries = fields.Integer()
    first_wrong = fields.Integer(allow_none=True)


@blp.route("", methods=["GET"])
@allow("audit.read")
@blp.arguments(ListQuery, location="query")
@blp.response(200, list_of(AuditEntry))
def list_entries(query):
    """List entries, newest first"""
    with here().units() as uow:
        return paged(query, partial(page, uow.session, select(AuditRow), [AuditRow.id]))


@blp.route("/verify", methods=["GET"])
@allow("audit.read")
@blp.response(200, Verdict)
def verify():
    """Check the whole chain of hashes"""
    with here().units() as uow:
        entries, first_wrong = audit.verify(uow)
    return {"ok": first_wrong is None, "entries": entries, "first_wrong": first_wrong}
