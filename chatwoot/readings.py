"""From a checked webhook body to the plain values the shop's services take."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, ValidationError

from chatwoot.objects import MARK
from chatwoot.schemas import clean_tree
from chatwoot.verify import parse
from crm.core.clock import from_unix, now
from crm.core.errors import Invalid
from crm.core.inbox import InboxRow
from crm.customers.models import CHATWOOT_CONTACT
from crm.customers.rules import Key, email_key, is_e164, phone_key
from crm.customers.service import REF_PREFIX, Person
from crm.tickets.mirror import Said, Seen
from crm.tickets.models import AuthorKind, Conversation

# The channel itself delivered from this number, so the number is proven; what a visitor typed into
# the widget is not (webhooks.md 9).
CHANNELS_THAT_PROVE_PHONE = ("Channel::Whatsapp", "Channel::TwilioSms", "Channel::Sms")
LONGEST_HEADER = 500
MOST_ANSWERED = 20
_AUTHORS = {
    "user": AuthorKind.AGENT,
    "agent_bot": AuthorKind.BOT,
    "captain_assistant": AuthorKind.BOT,
}


def load(schema: Schema, row: InboxRow) -> dict[str, Any]:
    """The body of an inbox row, checked. Raises Invalid, which parks the row with the field names."""
    return checked(schema, parse(row.body or b""))


def checked(schema: Schema, body: Any) -> dict[str, Any]:
    """Raises Invalid, naming the fields."""
    try:
        return schema.load(body)
    except ValidationError as error:
        fields = ", ".join(sorted(map(str, error.normalized_messages())))
        raise Invalid(f"body does not fit: {fields}", errors=error.normalized_messages()) from error


def contact_key(account_id: int, contact_id: int) -> Key:
    return Key(CHATWOOT_CONTACT, f"{account_id}:{contact_id}", proven=True)


def person(
    account_id: int,
    contact: dict[str, Any],
    *,
    channel: str = "",
    is_verified: bool = False,
    language: str | None = None,
) -> Person:
    """The customer behind a contact.

    Only an identifier that was proven by HMAC and is one of our references counts as our own id;
    e-mail and phone stay claims, unless the channel itself proves the number.
    """
    keys = [contact_key(account_id, contact["id"])]
    email, phone = contact["email"] or None, contact["phone_number"] or None
    if email:
        keys.append(email_key(email, proven=False))
    if phone and is_e164(phone):
        keys.append(phone_key(phone, proven=channel in CHANNELS_THAT_PROVE_PHONE))
    else:
        phone = None
    return Person(
        name=contact["name"] or "",
        email=email,
        phone=phone,
        locale=language,
        customer_ref=contact["identifier"].upper()
        if is_verified and claims_our_id(contact)
        else None,
        keys=tuple(keys),
    )


def telephone(conversation: dict[str, Any]) -> str | None:
    """The number a conversation ends on, where its inbox proves that it does."""
    meta = conversation["meta"]
    number = (meta["sender"] or {}).get("phone_number")
    channel = conversation["channel"] or meta["channel"] or ""
    is_proven = channel in CHANNELS_THAT_PROVE_PHONE and number and is_e164(number)
    return number if is_proven else None


def claims_our_id(contact: dict[str, Any]) -> bool:
    """Whether the identifier looks like one that our pages gave to a customer they know."""
    return (contact["identifier"] or "").upper().startswith(f"{REF_PREFIX}-")


def seen(account_id: int, conversation: dict[str, Any]) -> Seen:
    meta = conversation["meta"]
    sender, assignee = meta["sender"], meta["assignee"]
    return Seen(
        account_id=account_id,
        number=conversation["id"],
        inbox_id=conversation["inbox_id"],
        contact_id=sender["id"] if sender else None,
        channel=conversation["channel"] or meta["channel"] or "",
        status=conversation["status"],
        can_reply=conversation["can_reply"] is not False,
        is_verified=bool(meta["hmac_verified"]),
        assignee=assignee["name"] if assignee else None,
        assignee_id=assignee["id"] if assignee and assignee["type"] != "agent_bot" else None,
        priority=conversation["priority"],
        labels=tuple(conversation["labels"] or ()),
        changed_at=conversation["updated_at"],
        last_activity_at=from_unix(conversation["last_activity_at"] or conversation["timestamp"]),
    )


def differs(known: Conversation, seen: Seen) -> bool:
    """Whether the conversation over there stands otherwise than ours does."""
    ours = (known.status, known.assignee, known.priority, known.contact_id, sorted(known.labels))
    theirs = (seen.status, seen.assignee, seen.priority, seen.contact_id or known.contact_id)
    return ours != (*theirs, sorted(seen.labels))


def language(conversation: dict[str, Any]) -> str | None:
    """The visitor's browser language, a short tag, or None."""
    attributes = conversation["additional_attributes"] or {}
    tag = attributes.get("browser_language")
    return tag if isinstance(tag, str) and 2 <= len(tag) <= 12 and tag.isascii() else None


def marks(message: dict[str, Any]) -> list[str]:
    """What may be our mark on this message; most channels put a `source_id` of their own there."""
    if message["message_type"] != "outgoing":
        return []
    ours = (message["content_attributes"] or {}).get(MARK)
    return [mark for mark in (ours, message["source_id"]) if mark and isinstance(mark, str)]


def mail(headers: Any) -> dict[str, Any]:
    """What a mail answers, as Chatwoot keeps it with the message; empty for other messages.

    answers: Message-IDs with their brackets. from: the address it came from.
    """
    if not isinstance(headers, dict):
        return {}
    answers = [*_texts(headers.get("in_reply_to")), *reversed(_texts(headers.get("references")))]
    told = {
        "subject": "".join(_texts(headers.get("subject"))[:1])[:LONGEST_HEADER],
        "from": "".join(_texts(headers.get("from"))[:1])[:LONGEST_HEADER],
        "answers": [f"<{one.strip('<> ')}>" for one in answers[:MOST_ANSWERED]],
    }
    return {name: value for name, value in told.items() if value}


def _texts(value: Any) -> list[str]:
    """A header that Chatwoot gives as one text or as a list."""
    values = value if isinstance(value, list) else [value]
    return [one for one in values if isinstance(one, str) and 0 < len(one) <= LONGEST_HEADER]


def said(message: dict[str, Any], effect_key: str | None) -> Said:
    """effect_key: of our own effect that this message is, None if others wrote it."""
    attributes = clean_tree(message["content_attributes"] or {})
    sender = message["sender"] or {}
    if message["message_type"] == "incoming":
        author = AuthorKind.CUSTOMER
    elif effect_key is not None or message["message_type"] != "outgoing":
        author = AuthorKind.SYSTEM
    else:
        author = _AUTHORS.get(sender.get("type") or "", AuthorKind.SYSTEM)
    details = {key: attributes[key] for key in ("submitted_values", "submitted_email", "in_reply_to")
               if attributes.get(key)}  # fmt: skip
    if author == AuthorKind.CUSTOMER and (number := telephone(message["conversation"])):
        details["number"] = number
    if author == AuthorKind.CUSTOMER and (told := mail(attributes.get("email"))):
        details["mail"] = told
    return Said(
        id=message["id"],
        author_kind=author,
        author_name=sender.get("name") or "",
        body=message["content"] or "",
        private=bool(message["private"]),
        created_at=message["created_at"] or now(),
        attachments=[
            {
                "id": file["id"],
                "kind": file["file_type"],
                "extension": file["extension"],
                "size": file["file_size"],
                "url": file["data_url"],
            }
            for file in message["attachments"] or ()
        ],
        details=details,
        effect_key=effect_key,
    )
