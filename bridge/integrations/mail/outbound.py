"""Delivers `mail.message`. A crash may cost one extra copy, under the same Message-ID."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import select

from bridge.integrations.addressed import Addressed
from bridge.integrations.mail import fetching, inbound
from bridge.integrations.mail.inbound import CHANNEL
from bridge.integrations.mail.messages import compose, message_id, read_sender
from bridge.integrations.mail.server import Refused, mail_server
from bridge.integrations.mail.statuses import fault_of_address
from bridge.settings import MailSettings
from crm.core.errors import UNDECIDED, Permanent
from crm.core.integration import Integration, Schedule
from crm.core.outbox import DOUBTED, Effect
from crm.core.shop import Shop
from crm.core.uow import UnitOfWork, Units
from crm.core.vault import Seal
from crm.customers.models import EMAIL
from crm.mailboxes import service as mailboxes
from crm.notifications.models import Notification
from crm.notifications.rules import is_code

NAME = "name"


class SendMail(Addressed):
    """In doubt it is sent again: mail servers tell nobody what they took (see `look_up` above)."""

    def __init__(self, told: MailSettings, units: Units, seal: Seal, shop: Shop, seconds: float):
        super().__init__(CHANNEL, EMAIL, units, seal, shop.timezone)
        self._shop = shop
        self._sender = read_sender(told.mail_from, told.reply_to)
        self._server = mail_server(told.smtp_url, self._sender.address, seconds)

    def obstacle(self, uow: UnitOfWork, notification: Notification, address: str) -> str | None:
        """A code that somebody just asked for is sent all the same: only it can prove the address
        again."""
        return None if is_code(notification.template) else mailboxes.obstacle(uow, address)

    def before_first_try(self, uow: UnitOfWork, effect: Effect) -> dict[str, Any]:
        """A name that cannot be guessed: whoever returns the mail proves by it that they had it."""
        name = effect.context.get(NAME) or secrets.token_hex(16)
        # Whoever holds it waits for this very effect; then it is named when it is done.
        told = uow.session.scalar(
            select(Notification)
            .where(Notification.id == effect.body.get("notification_id", 0))
            .with_for_update(skip_locked=True)
        )
        if told is not None:
            told.external_id = message_id(name, self._sender)
        return {NAME: name}

    def deliver(self, effect: Effect) -> dict[str, Any]:
        letter = self.letter(effect)
        self._check(effect, letter.to)
        moment = datetime.now(UTC)
        # Rows that an earlier release tried first have no name.
        name = effect.context.get(NAME, effect.effect_key)
        message = compose(letter, self._sender, self._shop, name, moment)
        recipient = message["To"].addresses[0].addr_spec
        try:
            self._server.hand_over(self._sender.address, recipient, message.as_bytes())
        except Refused as error:
            if fault := fault_of_address(error.status):
                with self._units() as uow:
                    mailboxes.unreachable(uow, letter.to, fault)
            elif DOUBTED in effect.context:
                # A copy may have arrived, so no other channel sends it again.
                raise Permanent(error.detail, code=UNDECIDED) from error
            raise
        return {"external_id": message_id(name, self._sender)}

    def _check(self, effect: Effect, address: str) -> None:
        """A message may have been held for days. Raises Permanent."""
        with self._units() as uow:
            told = uow.session.get(Notification, effect.body.get("notification_id", 0))
            reason = self.obstacle(uow, told, address) if told is not None else None
        if reason:
            raise Permanent(reason)


def build(told: MailSettings, units: Units, seal: Seal, shop: Shop, seconds: float) -> Integration:
    """seconds: the most one sending may take."""
    mail = SendMail(told, units, seal, shop, seconds)
    schedules = []
    if told.bounce_url is not None:
        box = fetching.mail_box(told.bounce_url, seconds)
        domain = read_sender(told.mail_from).domain
        fetch = fetching.Round(box, units, domain)
        schedules.append(Schedule("mail.bounces", fetching.EVERY_SECONDS, fetch.run))
    return Integration(
        name=CHANNEL,
        handlers={(inbound.SOURCE, inbound.BOUNCE): inbound.bounced},
        deliverers={mail.kind: mail},
        schedules=schedules,
        channels=(mail,),
    )
