"""What Twilio tells: what became of our messages, and what people write to our numbers.

That it is Twilio is proven by `verify.py`.
"""

from __future__ import annotations

import hashlib
import json
import re
from functools import partial
from urllib.parse import parse_qs

from sqlalchemy import select

from bridge.integrations.twilio.learning import learn
from crm import incoming
from crm.core import outbox
from crm.core.errors import Permanent
from crm.core.inbox import Delivery, InboxRow
from crm.core.integration import Handler, Received
from crm.core.outbox import SEND, OutboxRow
from crm.core.uow import UnitOfWork
from crm.core.vault import Seal
from crm.customers.rules import is_e164
from crm.notifications import channels
from crm.notifications.models import Notification, NotificationState
from crm.texting.models import CHANNELS, SMS, WHATSAPP

SOURCE, STATUS, MESSAGE = "twilio", "message.status", "message.received"
KEY = "key"
KINDS = {SMS: "", WHATSAPP: "whatsapp:"}  # what Twilio writes before numbers of a channel
REACHED = {
    "sent": NotificationState.SENT,
    "delivered": NotificationState.DELIVERED,
    "read": NotificationState.READ,
}
FAILED = ("undelivered", "failed")
LONGEST_WORDS, LONGEST_NAME, LONGEST_SID, MOST_MEDIA = 5_000, 100, 64, 99
LONGEST_STATUS = 30
_ERROR = re.compile(r"[0-9]{4,6}")
_SID = re.compile(r"(SM|MM)[0-9a-zA-Z]{1,64}")


def status(form: dict[str, str], received: Received) -> Delivery:
    sid, state = _sid(form), _text(form.get("MessageStatus", ""), LONGEST_STATUS)
    (effect_key,) = parse_qs(received.query).get(KEY, [""])[:1]
    is_named = bool(_SID.fullmatch(sid) and effect_key and effect_key.isprintable())
    # The number it went to stays out: nothing needs it.
    news = {"sid": sid, "status": state, "error": form.get("ErrorCode"), "effect_key": effect_key}
    return Delivery(
        source=SOURCE,
        sender=form["AccountSid"],
        type=STATUS,
        subject=f"twilio:{sid}",
        key=f"{sid}:{state}",
        body=json.dumps(news).encode(),
        handled=is_named and state in (*REACHED, *FAILED),
        request_id=received.request_id,
    )


def message(form: dict[str, str], received: Received) -> Delivery:
    """A text to one of our numbers. One from a short code or a name is kept as ignored."""
    sid, written = _sid(form), form.get("From", "")
    channel = WHATSAPP if written.startswith(KINDS[WHATSAPP]) else SMS
    number = written.removeprefix(KINDS[WHATSAPP])
    media = form.get("NumMedia", "0")
    said = {
        "sid": sid,
        "channel": channel,
        "number": number,
        "words": _text(form.get("Body", ""), LONGEST_WORDS),
        "name": _text(form.get("ProfileName", ""), LONGEST_NAME),
        "media": min(int(media), MOST_MEDIA) if re.fullmatch(r"[0-9]{1,3}", media) else 0,
        "opt_out": form.get("OptOutType", "").upper(),
        "quoted": _text(form.get("OriginalRepliedMessageSid", ""), LONGEST_SID),
    }
    return Delivery(
        source=SOURCE,
        sender=form["AccountSid"],
        type=MESSAGE,
        # One after the other, so that STOP and START keep their order; a subject outlives its body.
        subject=f"twilio:from:{hashlib.sha256(number.encode()).hexdigest()[:32]}",
        key=f"{sid}:received",
        body=json.dumps(said).encode(),
        handled=bool(_SID.fullmatch(sid)) and is_e164(number),
        request_id=received.request_id,
    )


def _sid(form: dict[str, str]) -> str:
    """One that is too long stays so, and names no message."""
    return _text(form.get("MessageSid", ""), 2 * LONGEST_SID)


def _text(words: str, at_most: int) -> str:
    """What can be stored: PostgreSQL takes no NUL."""
    return words.replace("\0", "").strip()[:at_most]


def message_received(seal: Seal, uow: UnitOfWork, row: InboxRow) -> None:
    if row.body:
        incoming.take(uow, seal, incoming.Text(**json.loads(row.body), at=row.received_at))


def status_told(uow: UnitOfWork, row: InboxRow) -> None:
    """Any status proves that Twilio has the message, so an unsure send is settled too."""
    news = json.loads(row.body or b"{}")
    owed = uow.session.scalar(
        select(OutboxRow).where(
            OutboxRow.effect_key == news.get("effect_key"), OutboxRow.mode == SEND
        )
    )
    channel = owed.kind.removesuffix(".message") if owed is not None else None
    if owed is None or channel not in CHANNELS:
        return
    outbox.settle(uow, owed.effect_key, {"external_id": news["sid"]})
    notification = uow.session.get(
        Notification, owed.body.get("notification_id", 0), with_for_update=True
    )
    if notification is None:
        return  # erased meanwhile
    if news["status"] in REACHED:
        state = REACHED[news["status"]]
        channels.reached(
            uow, notification, owed.effect_key, channel, state, external_id=news["sid"]
        )
    elif notification.effect_key == owed.effect_key:
        error = news["error"] or ""
        if notification.address:
            learn(
                uow, channel, notification.address, int(error) if _ERROR.fullmatch(error) else None
            )
        reason = f"{Permanent.code}: Twilio could not deliver it, error {error or 'unknown'}"
        channels.gave_up(uow, notification.id, reason)


def handlers(seal: Seal) -> dict[tuple[str, str], Handler]:
    return {(SOURCE, STATUS): status_told, (SOURCE, MESSAGE): partial(message_received, seal)}
