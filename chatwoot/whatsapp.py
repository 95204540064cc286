"""Reads which approved templates Chatwoot's WhatsApp inboxes have for our messages.

A template is ours by its name: that of the message. Its slots tell what they stand for: named ones by
their name, numbered ones by the example given for them, such as `device`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog
from marshmallow import ValidationError, fields

from chatwoot.client import Client
from chatwoot.schemas import Body, Words
from crm.core.clock import now
from crm.core.integration import PlainDeliverer
from crm.core.outbox import Effect
from crm.core.uow import Units
from crm.customers.rules import is_e164
from crm.notifications import texts
from crm.texting import inbox_templates
from crm.texting.models import InboxTemplate

log = structlog.get_logger(__name__)

SYNC_SECONDS = 3 * 3600.0
LONGEST_WORDS = 4096


class _Component(Body):
    type = Words(40, load_default="", allow_none=True)
    format = Words(40, load_default=None, allow_none=True)
    text = Words(LONGEST_WORDS, load_default=None, allow_none=True)
    example = fields.Dict(load_default=dict, allow_none=True)
    buttons = fields.List(fields.Dict(), load_default=list, allow_none=True)


class _OfMeta(Body):
    """A row of `message_templates`."""

    name = Words(512, required=True)
    language = Words(20, required=True)
    status = Words(40, required=True)
    category = Words(40, load_default="", allow_none=True)
    components = fields.List(fields.Nested(_Component), required=True)


class _OfTwilio(Body):
    """A row of `content_templates`. variables: the example of each slot."""

    friendly_name = Words(512, required=True)
    language = Words(20, required=True)
    status = Words(40, required=True)
    category = Words(40, load_default="", allow_none=True)
    template_type = Words(40, load_default="text", allow_none=True)
    content_sid = Words(64, required=True)
    body = Words(LONGEST_WORDS, required=True)
    variables = fields.Dict(load_default=dict, allow_none=True)


@dataclass(frozen=True)
class Found:
    """An approved template, whoever approved it. examples: by slot. is_plain: nothing but words."""

    name: str
    language: str
    category: str
    words: str
    examples: Mapping[str, str]
    is_plain: bool
    content_sid: str | None = None


class ReadTemplates(PlainDeliverer):
    """Carries out `chatwoot.templates`, and the schedule of the same name."""

    def __init__(self, client: Client, units: Units):
        self._client = client
        self._units = units

    def deliver(self, effect: Effect) -> dict[str, Any]:
        return {"templates": self.run()}

    def run(self) -> int:
        """Reads all inboxes before it keeps any. Returns how many templates can be used."""
        found = {}
        for inbox in self._client.account.items("inboxes"):
            if _is_whatsapp(inbox):
                whole = self._client.account.item("inboxes", inbox["id"])
                found[inbox["id"]] = ours(inbox["id"], whole, now())
        with self._units() as uow:
            inbox_templates.replace(uow, found)
        return sum(row.problem is None for rows in found.values() for row in rows)


def ours(inbox_id: int, inbox: Mapping[str, Any], at: datetime) -> list[InboxTemplate]:
    """Of several languages for one of ours, the way we write it counts, then one that can be used."""
    rows: dict[tuple[str, str], InboxTemplate] = {}
    number = _number(inbox)
    for one in sorted(_approved(inbox), key=_is_second_choice):
        locale = _locale(one.language)
        if one.name not in texts.names() or locale is None:
            continue
        known = rows.get((one.name, locale))
        if known is None or known.problem is not None:
            rows[one.name, locale] = row = _bound(one)
            row.inbox_id, row.number, row.locale, row.read_at = inbox_id, number, locale, at
    return list(rows.values())


def _bound(one: Found) -> InboxTemplate:
    """With what its slots stand for, or why it cannot be used."""
    slots = inbox_templates.slots(one.words)
    variables = [slot if not slot.isdecimal() else one.examples.get(slot, "") for slot in slots]
    unknown = [
        slot
        for slot, variable in zip(slots, variables, strict=True)
        if variable not in texts.variables(one.name)
    ]
    problem = None
    if not one.is_plain:
        problem = "its header or a button asks for something"
    elif unknown:
        told = ", ".join(f"{{{{{slot}}}}}" for slot in unknown)
        problem = f"what {told} stands for is not told by its name or example"
    return InboxTemplate(
        name=one.name,
        remote_name=one.name,
        language=one.language,
        category=one.category,
        words=one.words,
        variables=[] if problem else variables,
        content_sid=one.content_sid,
        problem=problem,
    )


def _number(inbox: Mapping[str, Any]) -> str | None:
    """Twilio's kind of inbox writes `whatsapp:` before it."""
    told = inbox.get("phone_number")
    number = told.removeprefix("whatsapp:") if isinstance(told, str) else ""
    return number if is_e164(number) else None


def _is_whatsapp(inbox: Mapping[str, Any]) -> bool:
    kind = inbox.get("channel_type")
    return kind == "Channel::Whatsapp" or (
        kind == "Channel::TwilioSms" and inbox.get("medium") == "whatsapp"
    )


def _approved(inbox: Mapping[str, Any]) -> Iterator[Found]:
    of_twilio = inbox.get("content_templates")
    told = of_twilio.get("templates") if isinstance(of_twilio, dict) else None
    for schema, rows, read in (
        (_OfMeta(), inbox.get("message_templates"), _from_meta),
        (_OfTwilio(), told, _from_twilio),
    ):
        for raw in rows if isinstance(rows, list) else ():
            try:
                row = schema.load(raw)
            except ValidationError as error:
                # One template we can not read must not keep us from the others.
                log.warning("template not readable", fields=sorted(map(str, error.messages)))
                continue
            if row["status"].lower() == "approved":
                yield read(row)


def _from_meta(row: dict[str, Any]) -> Found:
    words, examples, is_plain = "", {}, True
    for part in row["components"]:
        kind = (part["type"] or "").upper()
        if kind == "BODY":
            words, examples = part["text"] or "", _examples(part["example"] or {})
        elif kind != "FOOTER":
            asks = "{{" in f"{part['text']}{part['buttons']}"
            is_plain = is_plain and not asks and part["format"] in (None, "TEXT")
    category = row["category"] or ""
    return Found(row["name"], row["language"], category, words, examples, is_plain)


def _examples(example: dict[str, Any]) -> dict[str, str]:
    """Meta keeps them as a list of lists, the first slot's first."""
    sets = example.get("body_text")
    first = sets[0] if isinstance(sets, list) and sets and isinstance(sets[0], list) else []
    return {str(slot): one for slot, one in enumerate(first, start=1) if isinstance(one, str)}


def _from_twilio(row: dict[str, Any]) -> Found:
    examples = {
        str(slot): one for slot, one in (row["variables"] or {}).items() if isinstance(one, str)
    }
    return Found(
        row["friendly_name"], row["language"], row["category"] or "", row["body"], examples,
        row["template_type"] in ("text", None), row["content_sid"],
    )  # fmt: skip


def _locale(language: str) -> str | None:
    short = language.replace("_", "-").split("-")[0].lower()
    return short if short in texts.LOCALES else None


def _is_second_choice(one: Found) -> tuple[bool, str]:
    return one.language.replace("-", "_") not in texts.REGIONS.values(), one.language
