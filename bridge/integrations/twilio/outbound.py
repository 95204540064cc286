"""Delivers `sms.message` and `whatsapp.message`.

In doubt the callback settles it, or the list of what Twilio sent.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from sqlalchemy import select

from bridge.integrations.addressed import Addressed, Letter
from bridge.integrations.twilio.client import Refused, Texting
from bridge.integrations.twilio.inbound import KEY
from bridge.integrations.twilio.learning import learn
from crm import senders
from crm.core.errors import UNDECIDED, Permanent, Temporary
from crm.core.outbox import Effect
from crm.core.uow import UnitOfWork, Units
from crm.core.vault import Seal
from crm.customers.models import PHONE
from crm.customers.rules import is_e164
from crm.notifications.models import Notification
from crm.notifications.rules import is_code
from crm.texting import numbers, prices, segments, templates
from crm.texting.models import SMS, WHATSAPP, NumberState
from crm.texting.prices import Cost
from crm.texting.templates import Filled

PATIENCE = timedelta(hours=1)  # reliability.md, rule 14
CLOCKS_APART = timedelta(seconds=5)


class _Texts(Addressed, ABC):
    """What both channels share."""

    rings = True

    def __init__(self, name: str, texting: Texting, units: Units, seal: Seal, zone: ZoneInfo):
        super().__init__(name, PHONE, units, seal, zone)
        self._texting = texting

    def deliver(self, effect: Effect) -> dict[str, Any]:
        letter = self._letter(effect)
        with self._units() as uow:
            words, sender = self._words(uow, effect, letter), self._sender(uow, effect)
        query = urlencode({KEY: effect.effect_key})
        try:
            sent = self._texting.send(letter.to, words, query, sender)
        except Refused as error:
            with self._units() as uow:
                learn(uow, self.name, letter.to, error.error)
            raise
        return {"external_id": sent.sid}

    def look_up(self, effect: Effect) -> dict[str, Any] | None:
        """Raises Permanent after an hour without an answer: then a person decides."""
        letter = self._letter(effect)
        with self._units() as uow:
            wordings, sender = self._wordings(uow, letter), self._sender(uow, effect)
        tried_at = effect.first_tried_at or datetime.now(UTC)
        is_late = datetime.now(UTC) - tried_at > PATIENCE
        try:
            found = self._texting.find(letter.to, wordings, tried_at - CLOCKS_APART, sender)
        except Temporary as error:
            if is_late:
                raise _undecided() from error
            raise
        with self._units() as uow:
            sid = _first_unknown(uow, effect, [one.sid for one in found])
        if sid is None and is_late:
            raise _undecided()
        return {"external_id": sid} if sid else None

    def estimate(self, uow: UnitOfWork, notification: Notification, address: str) -> None:
        cost = self._cost(uow, notification, address)
        notification.segments = cost.segments
        notification.cost_minor, notification.cost_currency = cost.minor, cost.currency

    def _letter(self, effect: Effect) -> Letter:
        letter = self.letter(effect)
        if not is_e164(letter.to):
            raise Permanent("not a number that can be called from abroad")
        return letter

    def _told_off(
        self, uow: UnitOfWork, notification: Notification | None, number: str
    ) -> str | None:
        """Why this number gets nothing here. A code that somebody just asked for is wanted."""
        known = numbers.known(uow, self.name, number)
        if known is None or known.state == NumberState.OK:
            return None
        if known.state == NumberState.OPTED_OUT:
            asked_for = notification is not None and is_code(notification.template)
            return None if asked_for else numbers.SAID_STOP
        return f"the number cannot be reached: {known.reason}"

    def _check(self, uow: UnitOfWork, effect: Effect, number: str) -> None:
        """A message may have been held for days. Raises Permanent."""
        notification = uow.session.get(Notification, effect.body.get("notification_id", 0))
        if reason := self._told_off(uow, notification, number):
            raise Permanent(reason)

    def _sender(self, uow: UnitOfWork, effect: Effect) -> str | None:
        """None: the usual one."""
        return None

    @abstractmethod
    def _words(self, uow: UnitOfWork, effect: Effect, letter: Letter) -> str | Filled:
        """What is sent now. Raises Permanent when nothing may be."""

    @abstractmethod
    def _wordings(self, uow: UnitOfWork, letter: Letter) -> list[tuple[str, ...]]:
        """What may have been sent, for finding it again: the parts of each wording in their order."""

    @abstractmethod
    def _cost(self, uow: UnitOfWork, notification: Notification, number: str) -> Cost: ...


class SendText(_Texts):
    def __init__(self, texting: Texting, units: Units, seal: Seal, zone: ZoneInfo):
        super().__init__(SMS, texting, units, seal, zone)

    def obstacle(self, uow: UnitOfWork, notification: Notification, address: str) -> str | None:
        return self._told_off(uow, notification, address)

    def _sender(self, uow: UnitOfWork, effect: Effect) -> str | None:
        return senders.of_message(uow, effect.body.get("notification_id", 0))

    def _words(self, uow: UnitOfWork, effect: Effect, letter: Letter) -> str:
        self._check(uow, effect, letter.to)
        return segments.short_words(letter.short_text or letter.text)

    def _wordings(self, uow: UnitOfWork, letter: Letter) -> list[tuple[str, ...]]:
        return [(segments.short_words(letter.short_text or letter.text),)]

    def _cost(self, uow: UnitOfWork, notification: Notification, number: str) -> Cost:
        words = segments.short_words(notification.short_body or notification.body)
        return prices.of_sms(number, segments.counted(words).segments)


class SendWhatsApp(_Texts):
    """Only to people who wrote to us there: free words in the window, else an approved template.

    Codes stay with SMS: they prove that the number is a telephone's.
    """

    def __init__(self, texting: Texting, units: Units, seal: Seal, zone: ZoneInfo):
        super().__init__(WHATSAPP, texting, units, seal, zone)

    def is_used(self, uow: UnitOfWork, notification: Notification, address: str) -> bool:
        known = numbers.known(uow, WHATSAPP, address)
        is_theirs = known is not None and known.heard_at is not None
        return is_theirs and not is_code(notification.template)

    def obstacle(self, uow: UnitOfWork, notification: Notification, address: str) -> str | None:
        if reason := self._told_off(uow, notification, address):
            return reason
        if not self._is_open(uow, notification, address) and not self._filled(uow, notification):
            return _closed(notification.template, notification.locale)
        return None

    def _is_open(self, uow: UnitOfWork, notification: Notification, number: str) -> bool:
        at = max(uow.now, notification.send_at or notification.not_before)
        return numbers.is_open(at, numbers.known(uow, WHATSAPP, number))

    def _words(self, uow: UnitOfWork, effect: Effect, letter: Letter) -> str | Filled:
        self._check(uow, effect, letter.to)
        if numbers.is_open(uow.now, numbers.known(uow, WHATSAPP, letter.to)):
            return segments.shortened(letter.text.strip())
        filled = self._filled(uow, letter)
        if filled is None:
            raise Permanent(_closed(letter.template, letter.locale))
        return filled

    def _wordings(self, uow: UnitOfWork, letter: Letter) -> list[tuple[str, ...]]:
        """Either may have left: the window may have closed since."""
        filled = self._filled(uow, letter)
        free = (segments.shortened(letter.text.strip()),)
        return [free, filled.values] if filled else [free]

    def _filled(self, uow: UnitOfWork, told: Notification | Letter) -> Filled | None:
        sender = self._texting.sender
        return templates.filled(uow, told.template, told.locale, told.variables, sender)

    def _cost(self, uow: UnitOfWork, notification: Notification, number: str) -> Cost:
        return prices.of_whatsapp(is_template=not self._is_open(uow, notification, number))


def _first_unknown(uow: UnitOfWork, effect: Effect, sids: list[str]) -> str | None:
    """The first that is not another message's: two devices may be told of in the same words."""
    query = select(Notification.external_id).where(
        Notification.external_id.in_(sids),
        Notification.id != effect.body.get("notification_id", 0),
    )
    known = set(uow.session.scalars(query))
    return next((sid for sid in sids if sid not in known), None)


def _closed(template: str, locale: str) -> str:
    return f"outside the 24 hours of WhatsApp, and no approved template for {template} ({locale})"


def _undecided() -> Permanent:
    """No refusal: the customer may have read it, so no other channel sends it again."""
    return Permanent("nobody could say within an hour whether it was sent", code=UNDECIDED)
