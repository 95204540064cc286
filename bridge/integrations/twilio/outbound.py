"""Delivers `sms.message`. In doubt the callback settles it, or the list of what Twilio sent."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from bridge.integrations.addressed import Addressed
from bridge.integrations.twilio import inbound
from bridge.integrations.twilio.client import Texting
from bridge.settings import TwilioSettings
from crm.core.errors import Permanent, Temporary
from crm.core.integration import Integration
from crm.core.outbox import Effect
from crm.core.uow import Units
from crm.core.vault import Seal
from crm.customers.models import PHONE
from crm.customers.rules import is_e164

CHANNEL = inbound.CHANNEL
LONGEST_TEXT = 1600  # Twilio refuses more
PATIENCE = timedelta(hours=1)  # reliability.md, rule 14
CLOCKS_APART = timedelta(seconds=5)


class SendText(Addressed):
    def __init__(self, texting: Texting, units: Units, seal: Seal):
        super().__init__(CHANNEL, PHONE, units, seal)
        self._texting = texting

    def deliver(self, effect: Effect) -> dict[str, Any]:
        to, text = self._words(effect)
        sent = self._texting.send(to, text, urlencode({inbound.KEY: effect.effect_key}))
        return {"external_id": sent.sid}

    def look_up(self, effect: Effect) -> dict[str, Any] | None:
        """Raises Permanent after an hour without an answer: then a person decides."""
        to, text = self._words(effect)
        tried_at = effect.first_tried_at or datetime.now(UTC)
        is_late = datetime.now(UTC) - tried_at > PATIENCE
        try:
            sent = self._texting.find(to, text, tried_at - CLOCKS_APART)
        except Temporary as error:
            if is_late:
                raise _undecided() from error
            raise
        if sent is None and is_late:
            raise _undecided()
        return {"external_id": sent.sid} if sent else None

    def _words(self, effect: Effect) -> tuple[str, str]:
        letter = self.letter(effect)
        if not is_e164(letter.to):
            raise Permanent("not a number that can be called from abroad")
        return letter.to, shortened(letter.text.strip())


def _undecided() -> Permanent:
    """No refusal: the customer may have read it, so no other channel sends it again."""
    return Permanent("nobody could say within an hour whether it was sent", code="undecided")


def shortened(text: str) -> str:
    """What fits into one text message; the last line, with the link, is kept."""
    if len(text) <= LONGEST_TEXT:
        return text
    last = text.splitlines()[-1][-LONGEST_TEXT // 2 :]
    return f"{text[: LONGEST_TEXT - len(last) - 2]}…\n{last}"


def build(
    told: TwilioSettings, units: Units, seal: Seal, public_url: str, seconds: float
) -> Integration:
    """Without a sender nothing is sent, but what was sent before is still followed."""
    endpoint = inbound.endpoint(told.account_sid, told.auth_token, public_url)
    if told.sms_from is None:
        return Integration(CHANNEL, endpoints=(endpoint,), handlers=inbound.HANDLERS)
    sms = SendText(Texting(told, told.sms_from, public_url, seconds), units, seal)
    return Integration(
        name=CHANNEL,
        endpoints=(endpoint,),
        handlers=inbound.HANDLERS,
        deliverers={sms.kind: sms},
        reactions=sms.reactions(),
    )
