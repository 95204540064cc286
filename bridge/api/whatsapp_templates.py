"""Which approved WhatsApp template stands for which of our messages, outside the 24-hour window.

Those for our own sender are stored here; those of Chatwoot's inboxes are read there.
"""

from __future__ import annotations

from marshmallow import Schema, ValidationError, fields, validate

from bridge.api.base import Blueprint
from bridge.api.fields import Moment, Strict, Text, one_of
from bridge.auth import allow, principal
from bridge.context import here
from chatwoot import owing
from crm.core.errors import Conflict, Invalid
from crm.notifications import texts
from crm.texting import inbox_templates, templates

blp = Blueprint(
    "whatsapp-templates", __name__, url_prefix="/api/v1/whatsapp-templates",
    description="Approved WhatsApp templates",
)  # fmt: skip

MOST_VARIABLES = 20


def _each_once(variables: list[str]) -> None:
    if len(set(variables)) < len(variables):
        raise ValidationError("Name each variable once.")


class WhatsAppTemplateFields(Strict):
    """content_sid: Twilio's, of the approved template. variables: in the order of its {{1}}, {{2}}…

    At least one: they tell two messages of one template apart.
    """

    name = one_of(*sorted(texts.names()), required=True)
    locale = one_of(*texts.LOCALES, required=True)
    content_sid = fields.String(
        required=True, validate=validate.Regexp(r"HX[0-9a-fA-F]{32}\Z", error="HX and 32 digits.")
    )
    variables = fields.List(
        Text(40), required=True, validate=[validate.Length(min=1, max=MOST_VARIABLES), _each_once]
    )


class WhatsAppTemplate(Schema):
    name = fields.String()
    locale = fields.String()
    content_sid = fields.String()
    variables = fields.List(fields.String())
    updated_at = Moment()
    updated_by = fields.String()


class WhatsAppTemplates(Schema):
    data = fields.List(fields.Nested(WhatsAppTemplate))


class WhatsAppInboxTemplate(Schema):
    """language, category, words: as they were approved. problem: why it cannot be used, null: it can."""

    inbox_id = fields.Integer()
    name = fields.String()
    locale = fields.String()
    language = fields.String()
    category = fields.String()
    words = fields.String()
    variables = fields.List(fields.String())
    content_sid = fields.String(allow_none=True)
    problem = fields.String(allow_none=True)
    read_at = Moment()


class WhatsAppInboxTemplates(Schema):
    data = fields.List(fields.Nested(WhatsAppInboxTemplate))


@blp.route("", methods=["GET"])
@allow("notifications.read")
@blp.response(200, WhatsAppTemplates)
def list_whatsapp_templates():
    """The templates that are stored"""
    with here().units() as uow:
        return {"data": templates.listed(uow)}


@blp.route("", methods=["PUT"])
@allow("whatsapp_templates.manage")
@blp.arguments(WhatsAppTemplateFields)
@blp.response(200, WhatsAppTemplate)
def put_whatsapp_template(body):
    """Store or replace the template of one message in one language; audited"""
    known = texts.variables(body["name"])
    if unknown := [one for one in body["variables"] if one not in known]:
        told = f"Not of this message: {', '.join(unknown)}. It has: {', '.join(sorted(known))}."
        raise Invalid("unknown variables", errors={"variables": [told]})
    with here().units() as uow:
        return templates.put(
            uow, body["name"], body["locale"], body["content_sid"], body["variables"],
            principal().actor,
        )  # fmt: skip


@blp.route("/<string(maxlength=80):name>/<string(maxlength=10):locale>", methods=["DELETE"])
@allow("whatsapp_templates.manage")
@blp.response(204)
def remove_whatsapp_template(name, locale):
    """Send this message outside the window no more"""
    with here().units() as uow:
        templates.remove(uow, name, locale, principal().actor)


@blp.route("/inboxes", methods=["GET"])
@allow("notifications.read")
@blp.response(200, WhatsAppInboxTemplates)
def list_inbox_templates():
    """The approved templates of our messages in Chatwoot's WhatsApp inboxes"""
    with here().units() as uow:
        return {"data": inbox_templates.listed(uow)}


@blp.route("/sync", methods=["POST"])
@allow("whatsapp_templates.manage")
@blp.response(202)
def sync_inbox_templates():
    """Read them again now; it happens every three hours anyway"""
    chatwoot = here().settings.chatwoot
    if not chatwoot.is_connected:
        raise Conflict("no Chatwoot is connected", code="no-chatwoot")
    with here().units() as uow:
        owing.owe_templates(uow, chatwoot.account_id)
