"""The passcode box: put in, look with a reason, wipe. Only `look` ever answers a code.

A look takes no Idempotency-Key: its answer must not be kept, and every look is logged.
"""

from __future__ import annotations

from typing import Any

from flask import Response, jsonify
from marshmallow import Schema, fields

from bridge.api.base import Blueprint
from bridge.api.fields import Moment, Strict, Text, one_of
from bridge.auth import allow, principal
from bridge.context import here
from crm.core.errors import Invalid
from crm.passcodes import queries, rules, service
from crm.passcodes.rules import Code, CodeKind
from crm.repairs import queries as repair_queries
from crm.repairs import service as repairs
from crm.repairs.service import Address

blp = Blueprint("passcodes", __name__, url_prefix="/api/v1/repairs", description="Passcode box")

REF = "<string(maxlength=40):ref>"


class PasscodeForm(Strict):
    """value: digits of a pin, the password, or the dots 1 to 9 of a pattern; none for `none`."""

    kind = one_of(*CodeKind, required=True)
    value = Text(rules.MOST_SIGNS, at_least=0, load_default="", load_only=True)


class LookReason(Strict):
    reason = Text(500, required=True)


class PasscodeLookEntry(Schema):
    actor_name = fields.String()
    looked_at = Moment()
    reason = fields.String()


class PasscodeState(Schema):
    """Never the code. looks: the newest 100, newest first."""

    has_passcode = fields.Boolean()
    is_from_chat = fields.Boolean()
    set_by = fields.String(allow_none=True)
    set_at = Moment(allow_none=True)
    wiped_at = Moment(allow_none=True)
    looks = fields.List(fields.Nested(PasscodeLookEntry))


class OpenedPasscode(Schema):
    kind = fields.String()
    value = fields.String()


@blp.route(f"/{REF}/passcode", methods=["GET"])
@allow("passcodes.read")
@blp.response(200, PasscodeState)
def show_passcode_state(ref):
    """Whether there is a code and who looked at it; not the code"""
    with here().units() as uow:
        return queries.state(uow, repair_queries.by_ref(uow, ref).id)


@blp.route(f"/{REF}/passcode", methods=["PUT"])
@allow("passcodes.write")
@blp.arguments(PasscodeForm)
@blp.response(200, PasscodeState)
def put_passcode(body, ref):
    """Put a code into the box, replacing what was there"""
    code = Code(CodeKind(body["kind"]), body["value"])
    with here().units() as uow:
        repair = repairs.find(uow, Address(ref=ref))
        service.put(uow, here().seal, repair.id, repair.ref, code, principal().actor)
        return queries.state(uow, repair.id)


@blp.route(f"/{REF}/passcode", methods=["DELETE"])
@allow("passcodes.write")
@blp.response(204)
def wipe_passcode(ref):
    """Wipe the code for good"""
    with here().units() as uow:
        repair = repairs.find(uow, Address(ref=ref))
        service.wipe(uow, repair.id, repair.ref, principal().actor)


@blp.route(f"/{REF}/passcode/look", methods=["POST"])
@allow("passcodes.read")
@blp.arguments(LookReason)
@blp.response(200, OpenedPasscode)
def look_at_passcode(body, ref):
    """Show the code; the look and its reason are logged for good"""
    if not body["reason"].strip():
        raise Invalid("no reason", errors={"reason": ["Say why."]})
    with here().units() as uow:
        repair = repairs.find(uow, Address(ref=ref))
        code = service.look(
            uow, here().seal, repair.id, repair.ref, body["reason"], principal().actor
        )
    return _not_kept({"kind": code.kind.value, "value": code.value})


def _not_kept(body: dict[str, Any]) -> Response:
    answer = jsonify(body)
    answer.headers["Cache-Control"] = "no-store"
    return answer
