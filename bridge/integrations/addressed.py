"""What e-mail, WhatsApp and SMS share: reaching proven addresses, and following what was sent.

How a letter is carried is left to the integrations themselves.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from crm import addresses
from crm.core.errors import Permanent
from crm.core.integration import PlainDeliverer
from crm.core.outbox import Effect
from crm.core.uow import UnitOfWork, Units
from crm.core.vault import Seal
from crm.notifications import channels, postponing
from crm.notifications.decision import Reach
from crm.notifications.models import Notification
from crm.notifications.rules import is_code


@dataclass(frozen=True)
class Letter:
    """One message as it leaves. subject_ref: of the repair or booking it is about, or empty.

    short_text: for a text message, where there is one. variables: what the text was made of.
    code: among its words, to be typed or shown elsewhere.
    """

    to: str
    text: str
    template: str
    locale: str
    subject_ref: str
    short_text: str | None = None
    variables: Mapping[str, str] = field(default_factory=dict)
    customer_id: int | None = None
    code: str | None = None


class Addressed(PlainDeliverer):
    """A channel and its deliverer. name: in the log of messages. address_kind: `email` or `phone`.

    zone: the shop's, on whose clock the quiet hours are.
    """

    rings = False

    def __init__(self, name: str, address_kind: str, units: Units, seal: Seal, zone: ZoneInfo):
        self.name = name
        self.kind = f"{name}.message"
        self._address_kind = address_kind
        self._units = units
        self._seal = seal
        self._zone = zone

    def reach(self, uow: UnitOfWork, notification: Notification) -> Reach | None:
        address = addresses.of_notification(uow, self._seal, notification, self._address_kind)
        if not address or not self.is_used(uow, notification, address):
            return None
        obstacle = self.obstacle(uow, notification, address)
        proof = "proves the" if is_code(notification.template) else "proven"
        return Reach(f"{proof} {self._address_kind}", address, obstacle, self.rings)

    def send(self, uow: UnitOfWork, notification: Notification, reach: Reach, reason: str) -> None:
        channels.owe(uow, notification, self.name, reach.address, reason)
        self.estimate(uow, notification, reach.address)

    def is_used(self, uow: UnitOfWork, notification: Notification, address: str) -> bool:
        """Whether this channel leads to them at all."""
        return True

    def obstacle(self, uow: UnitOfWork, notification: Notification, address: str) -> str | None:
        """Why it cannot go there now; None: it can."""
        return None

    def estimate(self, uow: UnitOfWork, notification: Notification, address: str) -> None:
        """Note what it will cost."""

    def postponed_until(self, uow: UnitOfWork, effect: Effect) -> datetime | None:
        number = effect.body.get("notification_id")
        return postponing.postponed_until(uow, number, rings=self.rings, zone=self._zone)

    def letter(self, effect: Effect) -> Letter:
        """Raises Permanent when the words or the address are gone."""
        with self._units() as uow:
            number = effect.body.get("notification_id")
            told = uow.session.get(Notification, number) if number else None
            if told is None:
                raise Permanent("its message was erased")
            return Letter(
                text=channels.text_of(self._seal, told),
                to=told.address or "",
                template=told.template,
                locale=told.locale,
                subject_ref=addresses.subject_ref(uow, told),
                short_text=told.short_body if told.sealed_body is None else None,
                variables=told.variables,
                customer_id=told.customer_id,
                code=channels.code_of(self._seal, told),
            )

    def on_done(self, uow: UnitOfWork, effect: Effect, result: dict[str, Any]) -> None:
        channels.arrived(uow, _carried(uow, effect), external_id=result.get("external_id"))

    def on_dead(self, uow: UnitOfWork, effect: Effect, reason: str) -> None:
        channels.gave_up(uow, _carried(uow, effect), reason)

    def on_cancelled(self, uow: UnitOfWork, effect: Effect, reason: str) -> None:
        channels.came_too_late(uow, _carried(uow, effect), reason)


def _carried(uow: UnitOfWork, effect: Effect) -> int | None:
    """The message of this effect; None once another channel has it.

    A refusal may be told before the request itself is answered, and have passed it on by then.
    """
    number = effect.body.get("notification_id")
    told = uow.session.get(Notification, number, with_for_update=True) if number else None
    return number if told is not None and told.effect_key == effect.effect_key else None
