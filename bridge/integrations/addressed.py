"""What e-mail, WhatsApp and SMS share: taking messages for proven addresses, and following them.

How a letter is carried is left to the integrations themselves.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from crm import addresses
from crm.core.errors import Permanent
from crm.core.integration import PlainDeliverer
from crm.core.outbox import Effect
from crm.core.uow import Reactions, UnitOfWork, Units
from crm.core.vault import Seal
from crm.notifications import channels
from crm.notifications.events import NotificationComposed, NotificationRefused
from crm.notifications.models import Notification


@dataclass(frozen=True)
class Letter:
    """One message as it leaves. subject_ref: of the repair or booking it is about, or empty.

    short_text: for a text message, where there is one. variables: what the text was made of.
    """

    to: str
    text: str
    template: str
    locale: str
    subject_ref: str
    short_text: str | None = None
    variables: Mapping[str, str] = field(default_factory=dict)


class Addressed(PlainDeliverer):
    """channel: its name in the log of messages. address_kind: `email` or `phone`."""

    def __init__(self, channel: str, address_kind: str, units: Units, seal: Seal):
        self.kind = f"{channel}.message"
        self._channel = channel
        self._address_kind = address_kind
        self._units = units
        self._seal = seal

    def reactions(self) -> Reactions:
        return {NotificationComposed: (self.route,), NotificationRefused: (self.route,)}

    def route(self, uow: UnitOfWork, event: NotificationComposed | NotificationRefused) -> None:
        """Take the message if nobody has it and the customer can be reached here."""
        notification = uow.session.get_one(Notification, event.subject_id)
        if not channels.is_free(notification, self._channel):
            return
        address = addresses.of_notification(uow, self._seal, notification, self._address_kind)
        if address:
            reason = f"proven {self._address_kind}"
            if notification.sealed_body is not None:
                reason = f"proves the {self._address_kind}"
            obstacle = self.obstacle(uow, notification, address)
            if obstacle is None:
                channels.owe(uow, notification, self._channel, address, reason)
                self.estimate(uow, notification, address)
            elif obstacle:
                channels.pass_over(notification, self._channel, obstacle)

    def obstacle(self, uow: UnitOfWork, notification: Notification, address: str) -> str | None:
        """Why it cannot go there; empty where this channel is none of theirs, None: it can."""
        return None

    def estimate(self, uow: UnitOfWork, notification: Notification, address: str) -> None:
        """Note what it will cost."""

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
            )

    def on_done(self, uow: UnitOfWork, effect: Effect, result: dict[str, Any]) -> None:
        channels.arrived(
            uow, effect.body.get("notification_id"), external_id=result.get("external_id")
        )

    def on_dead(self, uow: UnitOfWork, effect: Effect, reason: str) -> None:
        channels.gave_up(uow, effect.body.get("notification_id"), reason)

    def on_cancelled(self, uow: UnitOfWork, effect: Effect, reason: str) -> None:
        channels.came_too_late(uow, effect.body.get("notification_id"), reason)
