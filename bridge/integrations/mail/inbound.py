"""What comes back: a report about one of our mails marks the address and lets the next channel try.

A report proves nothing by itself. It counts only with the Message-ID of a mail of ours, which cannot
be guessed, and for the address that mail went to.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict

from sqlalchemy import select

from bridge.integrations.mail.bounces import Bounce
from bridge.integrations.mail.messages import mailable
from bridge.integrations.mail.statuses import fault_of_address
from crm.core import inbox, outbox
from crm.core.errors import Permanent, Temporary
from crm.core.inbox import Delivery, InboxRow
from crm.core.outbox import SEND, OutboxRow
from crm.core.uow import UnitOfWork
from crm.customers import rules
from crm.mailboxes import service as mailboxes
from crm.notifications import channels
from crm.notifications.models import Notification
from crm.notifications.service import NOTICE_DEADLINE

SOURCE, BOUNCE = "mail", "bounce"
CHANNEL = "mail"
SENDING = "sending"


def take_in(uow: UnitOfWork, bounce: Bounce, domain: str) -> bool:
    """Keep a report about a mail from this domain of ours, once. Others are nobody's business."""
    ours = tuple(one for one in bounce.message_ids if one.endswith(f"@{domain}>"))
    if not ours:
        return False
    told = asdict(Bounce(ours, bounce.failures))
    body = json.dumps(told, sort_keys=True).encode()
    delivery = Delivery(
        source=SOURCE,
        sender=domain,
        type=BOUNCE,
        subject=f"mail:{hashlib.sha256(ours[0].encode()).hexdigest()[:32]}",
        key=hashlib.sha256(body).hexdigest(),
        body=body,
    )
    return inbox.store(uow, delivery).is_new


def bounced(uow: UnitOfWork, row: InboxRow) -> None:
    told = json.loads(row.body or b"{}")
    for message_id in told.get("message_ids", ()):
        meant = select(Notification).where(
            Notification.external_id == message_id, Notification.channel == CHANNEL
        )
        notification = uow.session.scalar(meant)
        if notification is not None:
            for failure in told["failures"]:
                _failed(uow, notification, failure)


def _failed(uow: UnitOfWork, notification: Notification, failure: Mapping[str, str]) -> None:
    address = notification.address
    if not address or failure["recipient"] not in _spellings(address):
        return
    owed = uow.session.scalar(
        select(OutboxRow)
        .where(OutboxRow.effect_key == notification.effect_key, OutboxRow.mode == SEND)
        .with_for_update()
    )
    if owed is not None and owed.state == SENDING:
        raise Temporary("it came back before its sending was recorded")
    # Whatever came back had been sent.
    outbox.settle(uow, notification.effect_key, {"external_id": notification.external_id})
    fault = fault_of_address(failure["status"])
    if fault:
        mailboxes.unreachable(uow, address, fault)
    why = f"the mail came back: {fault or failure['status'] or 'no reason given'}"
    code = Permanent.code if _is_news(uow, notification) else "late"
    channels.gave_up(uow, notification.id, f"{code}: {why}")


def _spellings(address: str) -> set[str]:
    return {rules.email_key(address, proven=True).value, mailable(address).lower()}


def _is_news(uow: UnitOfWork, notification: Notification) -> bool:
    """Whether another channel should still bring it: mail servers may try for days."""
    sent_at = notification.settled_at or notification.created_at
    deadline = notification.deadline_at or sent_at + NOTICE_DEADLINE
    return uow.now < deadline
