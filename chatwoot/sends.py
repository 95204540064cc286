"""Carrying out sends in Chatwoot: messages, notes and the hand-off to people."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select

from chatwoot.channel import SILENT
from chatwoot.client import Client
from chatwoot.faults import Gone, Rejected
from chatwoot.liquid import escape_liquid
from crm.core.errors import Denied, Permanent, Temporary
from crm.core.integration import PlainDeliverer
from crm.core.outbox import Effect
from crm.core.uow import UnitOfWork
from crm.notifications import channels, postponing
from crm.tickets.models import Conversation

ONLINE_WAIT = 600.0


class SendMessage(PlainDeliverer):
    """A message to the customer or a note for agents; its words were frozen when it was owed."""

    def __init__(self, client: Client, zone: ZoneInfo):
        self._client = client
        self._zone = zone

    def postponed_until(self, uow: UnitOfWork, effect: Effect) -> datetime | None:
        """Notes, and what staff write themselves, wait for no hours."""
        told = channels.by_effect_key(uow, effect.effect_key)
        if told is None:
            return None
        channel = uow.session.scalar(
            select(Conversation.channel).where(
                Conversation.account_id == effect.body["account_id"],
                Conversation.number == effect.body["number"],
            )
        )
        rings = (channel or "") not in SILENT
        return postponing.postponed_until(uow, told, rings=rings, zone=self._zone)

    def before_first_try(self, uow: UnitOfWork, effect: Effect) -> dict[str, Any]:
        known = uow.session.execute(
            select(
                Conversation.last_message_id, Conversation.channel, Conversation.can_reply
            ).where(
                Conversation.account_id == effect.body["account_id"],
                Conversation.number == effect.body["number"],
            )
        ).first()
        after_id, channel, is_open = known or (0, "", True)
        noted = {"after_id": after_id, "channel": channel}
        if not is_open and "template" in effect.body:
            noted["as_template"] = True
        return noted | {"has_mark": self._client.messages.surely_marks(channel)}

    def deliver(self, effect: Effect) -> dict[str, Any]:
        message = self._client.messages.create(
            effect.body["number"],
            _words(effect),
            effect_key=effect.effect_key,
            channel=effect.context["channel"],
            private=effect.body["private"],
            items=effect.body.get("items", ()) if not _goes_as_template(effect) else (),
            template=_params(effect) if _goes_as_template(effect) else None,
        )
        return {"message_id": message.id}

    def look_up(self, effect: Effect) -> dict[str, Any] | None:
        message = self._client.messages.find(
            effect.body["number"],
            effect.context["after_id"],
            effect_key=effect.effect_key,
            content=_words(effect),
            private=effect.body["private"],
            not_before=effect.first_tried_at,
            # A try noted without it may have been made beside a Chatwoot that kept no marks.
            has_mark=effect.context.get("has_mark", False),
        )
        return {"message_id": message.id} if message else None

    def on_done(self, uow: UnitOfWork, effect: Effect, result: dict[str, Any]) -> None:
        channels.arrived(uow, channels.by_effect_key(uow, effect.effect_key))

    def on_dead(self, uow: UnitOfWork, effect: Effect, reason: str) -> None:
        channels.gave_up(uow, channels.by_effect_key(uow, effect.effect_key), reason)

    def on_cancelled(self, uow: UnitOfWork, effect: Effect, reason: str) -> None:
        channels.came_too_late(uow, channels.by_effect_key(uow, effect.effect_key), reason)


def _goes_as_template(effect: Effect) -> bool:
    """As the window was before the first try; a second one says the same."""
    return effect.context.get("as_template", False)


def _params(effect: Effect) -> dict[str, Any]:
    """Chatwoot renders their values too, as it does the words."""
    told = effect.body["template"]["params"]
    values = {slot: escape_liquid(value) for slot, value in told["processed_params"].items()}
    return told | {"processed_params": values}


def _words(effect: Effect) -> str:
    told = effect.body["template"] if _goes_as_template(effect) else effect.body
    return escape_liquid(told["content"])


class HandOff(PlainDeliverer):
    """Open a pending conversation for people; with the bot's token it counts as its hand-off."""

    def __init__(self, client: Client):
        self._client = client

    def deliver(self, effect: Effect) -> dict[str, Any]:
        number = effect.body["number"]
        if self._client.conversation(number).status == "pending":
            self._client.toggle_status(number, "open", as_bot=self._client.has_bot)
        return {}


class ForgetContact(PlainDeliverer):
    """Delete the contact of an erased person, and with it their conversations.

    Chatwoot refuses while they are online (api.md 2.3): asked again until they have left.
    """

    def __init__(self, client: Client):
        self._client = client

    def deliver(self, effect: Effect) -> dict[str, Any]:
        try:
            self._client.delete_contact(effect.body["contact_id"])
        except Gone:
            return {"gone": True}
        except Rejected as error:
            raise Temporary(error.detail, after=ONLINE_WAIT, costs_attempt=False) from error
        except Denied as error:
            # Only an administrator's token may; everything else works on without it.
            raise Permanent(f"delete the contact by hand: {error.detail}") from error
        return {}
