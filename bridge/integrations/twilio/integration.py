"""Twilio as two channels, WhatsApp before SMS, over the same two webhooks."""

from __future__ import annotations

from collections.abc import Iterator

from bridge.integrations.twilio import inbound, outbound, verify
from bridge.integrations.twilio.client import Texting
from bridge.settings import TwilioSettings
from crm.core.integration import Integration
from crm.core.shop import Shop
from crm.core.uow import Units
from crm.core.vault import Seal
from crm.texting.models import WHATSAPP


def build(
    told: TwilioSettings, units: Units, seal: Seal, shop: Shop, seconds: float
) -> Iterator[Integration]:
    """Without a sender nothing is sent, but what was sent before is still followed."""
    public_url = shop.links.public_url
    if told.whatsapp_from is not None:
        texting = Texting(
            told, told.whatsapp_from, public_url, seconds, kind=inbound.KINDS[WHATSAPP]
        )
        yield _channel(outbound.SendWhatsApp(texting, units, seal, shop.timezone))
    endpoints = verify.endpoints(told.account_sid, told.auth_tokens, public_url)
    yield Integration("twilio", endpoints=endpoints, handlers=inbound.handlers(seal))
    if told.sms_from is not None:
        texting = Texting(told, told.sms_from, public_url, seconds)
        yield _channel(outbound.SendText(texting, units, seal, shop.timezone))


def _channel(sender: outbound.SendText | outbound.SendWhatsApp) -> Integration:
    return Integration(sender.name, deliverers={sender.kind: sender}, channels=(sender,))
