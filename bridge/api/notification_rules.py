"""The shop's rules for messages: which are sent at all, by which channels, and when it is quiet."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, ValidationError, fields, validates_schema

from bridge.api.base import Blueprint
from bridge.api.communication_preferences import Clock, some_channels
from bridge.api.fields import Flag, Moment, Strict, one_of
from bridge.auth import allow, principal
from bridge.context import here
from crm.core.uow import UnitOfWork
from crm.notifications import rulebook, rules, texts
from crm.notifications.models import NotificationRule as Change
from crm.notifications.rulebook import EVERY_LOCALE
from crm.notifications.rules import Hours, Importance, Kind

blp = Blueprint(
    "notification-rules", __name__, url_prefix="/api/v1",
    description="The shop's rules for messages",
)  # fmt: skip


class RuleFields(Strict):
    """locale: null for every language. channels: the only ones, in this order; none: all.

    is_quiet: keeps to the quiet hours where a telephone would ring.
    """

    template = one_of(*sorted(rules.defaults()), required=True)
    locale = one_of(*texts.LOCALES, load_default=None, allow_none=True)
    is_on = Flag(required=True)
    is_quiet = Flag(required=True)
    channels = some_channels(required=True)


class RuleQuery(Strict):
    locale = one_of(*texts.LOCALES)


class Rule(Schema):
    """importance: what customers choose by. kind: codes are always sent, at once.

    updated_at, updated_by: of a rule that was changed.
    """

    template = fields.String()
    locale = fields.String(allow_none=True)
    importance = one_of(*Importance)
    kind = one_of(*Kind)
    is_on = fields.Boolean()
    is_quiet = fields.Boolean()
    channels = fields.List(fields.String())
    is_changed = fields.Boolean()
    updated_at = Moment(allow_none=True)
    updated_by = fields.String(allow_none=True)


class QuietHours(Strict):
    """On the shop's clock; both null: there are none. The end may lie past midnight."""

    quiet_from = Clock(required=True, allow_none=True)
    quiet_to = Clock(required=True, allow_none=True)

    @validates_schema
    def _both_or_none(self, data: dict[str, Any], **_: Any) -> None:
        if (data["quiet_from"] is None) != (data["quiet_to"] is None):
            raise ValidationError("Give both or none.", "quiet_to")


class Rules(Schema):
    """data: every message; a rule for one language follows the one for all and comes before it."""

    data = fields.List(fields.Nested(Rule))
    quiet_from = Clock(allow_none=True)
    quiet_to = Clock(allow_none=True)


@blp.route("/notification-rules", methods=["GET"])
@allow("notifications.read")
@blp.response(200, Rules)
def list_rules():
    """Every message with what holds for it"""
    with here().units() as uow:
        changed = {(row.template, row.locale): row for row in rulebook.changes(uow)}
        keys = {(template, EVERY_LOCALE) for template in rules.defaults()} | changed.keys()
        # A message of an earlier release has no rule any more.
        known = sorted(key for key in keys if key[0] in rules.defaults())
        return {"data": [_shown(*key, changed.get(key)) for key in known], **_quiet(uow)}


@blp.route("/notification-rules", methods=["PUT"])
@allow("notification_rules.manage")
@blp.arguments(RuleFields)
@blp.response(200, Rule)
def put_rule(body):
    """Change one message's rule; audited"""
    body = body | {"locale": body["locale"] or EVERY_LOCALE}
    with here().units() as uow:
        row = rulebook.change(uow, **body, actor=principal().actor)
        return _shown(row.template, row.locale, row)


@blp.route("/notification-rules/<string(maxlength=80):template>", methods=["DELETE"])
@allow("notification_rules.manage")
@blp.arguments(RuleQuery, location="query")
@blp.response(204)
def reset_rule(query, template):
    """Back to the default; audited"""
    with here().units() as uow:
        rulebook.reset(uow, template, query.get("locale", EVERY_LOCALE), principal().actor)


@blp.route("/notification-settings", methods=["GET"])
@allow("notifications.read")
@blp.response(200, QuietHours)
def show_quiet_hours():
    """When telephones do not ring"""
    with here().units() as uow:
        return _quiet(uow)


@blp.route("/notification-settings", methods=["PUT"])
@allow("notification_rules.manage")
@blp.arguments(QuietHours)
@blp.response(200, QuietHours)
def change_quiet_hours(body):
    """Change the quiet hours; audited"""
    start, end = body["quiet_from"], body["quiet_to"]
    with here().units() as uow:
        quiet = Hours(start, end) if start is not None else None
        rulebook.change_quiet_hours(uow, quiet, principal().actor)
        return _quiet(uow)


def _quiet(uow: UnitOfWork) -> dict[str, Any]:
    quiet = rulebook.quiet_hours(uow)
    return {"quiet_from": quiet.start if quiet else None, "quiet_to": quiet.end if quiet else None}


def _shown(template: str, locale: str, row: Change | None) -> dict[str, Any]:
    usual = rules.defaults()[template]
    holds = row if row is not None else usual
    return {
        "template": template,
        "locale": locale or None,
        "importance": usual.importance,
        "kind": usual.kind,
        "is_on": holds.is_on,
        "is_quiet": holds.is_quiet,
        "channels": holds.channels,
        "is_changed": row is not None,
        "updated_at": row.updated_at if row else None,
        "updated_by": row.updated_by if row else None,
    }
