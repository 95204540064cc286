"""Delivers `mail.message`. A crash may cost one extra copy, under the same Message-ID."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from bridge.integrations.addressed import Addressed
from bridge.integrations.mail.messages import compose, message_id, read_sender
from bridge.integrations.mail.server import mail_server
from bridge.settings import MailSettings
from crm.core.integration import Integration
from crm.core.outbox import Effect
from crm.core.shop import Shop
from crm.core.uow import Units
from crm.core.vault import Seal
from crm.customers.models import EMAIL

CHANNEL = "mail"


class SendMail(Addressed):
    """In doubt it is sent again: mail servers tell nobody what they took (see `look_up` above)."""

    def __init__(self, told: MailSettings, units: Units, seal: Seal, shop: Shop, seconds: float):
        super().__init__(CHANNEL, EMAIL, units, seal)
        self._shop = shop
        self._sender = read_sender(told.mail_from)
        self._server = mail_server(told.smtp_url, self._sender.address, seconds)

    def deliver(self, effect: Effect) -> dict[str, Any]:
        letter = self.letter(effect)
        moment = datetime.now(UTC)
        message = compose(letter, self._sender, self._shop.name, effect.effect_key, moment)
        recipient = message["To"].addresses[0].addr_spec
        self._server.hand_over(self._sender.address, recipient, message.as_bytes())
        return {"external_id": message_id(effect.effect_key, self._sender)}


def build(told: MailSettings, units: Units, seal: Seal, shop: Shop, seconds: float) -> Integration:
    """seconds: the most one sending may take."""
    mail = SendMail(told, units, seal, shop, seconds)
    return Integration(
        name=CHANNEL, deliverers={mail.kind: mail}, reactions=mail.reactions()
    )
