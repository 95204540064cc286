"""What Twilio tells about messages: `POST /webhooks/twilio/status`, proven by `X-Twilio-Signature`.

The signature is checked against PUBLIC_URL, never against forwarded headers; it carries no moment,
so what stops a replay is that news about a status counts once (reliability.md, rules 3 and 30).
"""

from __future__ import annotations

import json
from urllib.parse import parse_qs, parse_qsl

from sqlalchemy import select
from twilio.request_validator import RequestValidator
from werkzeug.datastructures import MultiDict

from crm.core import outbox
from crm.core.errors import BrokenBody, Permanent, Unauthenticated
from crm.core.inbox import Delivery, InboxRow
from crm.core.integration import Endpoint, Received
from crm.core.outbox import SEND, OutboxRow
from crm.core.uow import UnitOfWork
from crm.notifications import channels
from crm.notifications.models import Notification, NotificationState

CHANNEL, SOURCE, TYPE = "sms", "twilio", "message.status"
PATH = "/webhooks/twilio/status"
KEY = "key"
MOST_FIELDS = 100
REACHED = {
    "sent": NotificationState.SENT,
    "delivered": NotificationState.DELIVERED,
    "read": NotificationState.READ,
}
FAILED = ("undelivered", "failed")


def endpoint(account_sid: str, auth_token: str, public_url: str) -> Endpoint:
    validator = RequestValidator(auth_token)

    def verify(received: Received) -> Delivery:
        address = f"{public_url}{PATH}" + (f"?{received.query}" if received.query else "")
        try:
            pairs = parse_qsl(
                received.body.decode(), keep_blank_values=True, max_num_fields=MOST_FIELDS
            )
        except ValueError as error:
            raise BrokenBody("the body is not a form") from error
        signature = received.headers.get("X-Twilio-Signature", "")
        if not validator.validate(address, MultiDict(pairs), signature):
            raise Unauthenticated("the signature does not match")
        form = dict(pairs)
        if form.get("AccountSid") != account_sid:
            raise Unauthenticated("another account")
        return _delivery(form, received)

    return Endpoint(
        PATH, verify, mimetype="application/x-www-form-urlencoded", is_silent=True
    )


def _delivery(form: dict[str, str], received: Received) -> Delivery:
    sid, status = form.get("MessageSid", ""), form.get("MessageStatus", "")
    (effect_key,) = parse_qs(received.query).get(KEY, [""])[:1]
    # The number it went to stays out: nothing needs it.
    news = {"sid": sid, "status": status, "error": form.get("ErrorCode"), "effect_key": effect_key}
    return Delivery(
        source=SOURCE,
        sender=form["AccountSid"],
        type=TYPE,
        subject=f"twilio:{sid}",
        key=f"{sid}:{status}",
        body=json.dumps(news).encode(),
        handled=bool(effect_key) and status in (*REACHED, *FAILED),
        request_id=received.request_id,
    )


def status_told(uow: UnitOfWork, row: InboxRow) -> None:
    """Any status proves that Twilio has the message, so an unsure send is settled too."""
    news = json.loads(row.body or b"{}")
    owed = uow.session.scalar(
        select(OutboxRow).where(
            OutboxRow.effect_key == news["effect_key"], OutboxRow.mode == SEND
        )
    )
    if owed is None or owed.kind != f"{CHANNEL}.message":
        return
    outbox.settle(uow, owed.effect_key, {"external_id": news["sid"]})
    notification = uow.session.get(Notification, owed.body.get("notification_id", 0))
    if notification is None:
        return  # erased meanwhile
    notification_id = notification.id
    if news["status"] in REACHED:
        channels.arrived(uow, notification_id, REACHED[news["status"]], external_id=news["sid"])
    elif notification.effect_key == owed.effect_key:
        reason = f"{Permanent.code}: Twilio could not deliver it, error {news['error']}"
        channels.gave_up(uow, notification_id, reason)


HANDLERS = {(SOURCE, TYPE): status_told}
