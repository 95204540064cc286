"""Carrying out sends in Chatwoot: messages, notes and the hand-off to people."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from chatwoot.client import Client
from chatwoot.faults import Gone, Rejected
from chatwoot.liquid import escape_liquid
from crm.core.errors import Denied, Permanent, Temporary
from crm.core.integration import PlainDeliverer
from crm.core.outbox import Effect
from crm.core.uow import UnitOfWork
from crm.notifications import channels
from crm.tickets.models import Conversation

ONLINE_WAIT = 600.0


class SendMessage(PlainDeliverer):
    """A message to the customer or a note for agents; its words were frozen when it was owed."""

    def __init__(self, client: Client):
        self._client = client

    def before_first_try(self, uow: UnitOfWork, effect: Effect) -> dict[str, Any]:
        known = uow.session.execute(
            select(Conversation.last_message_id, Conversation.channel).where(
                Conversation.account_id == effect.body["account_id"],
                Conversation.number == effect.body["number"],
            )
        ).first()
        after_id, channel = known or (0, "")
        has_mark = self._client.surely_marks(channel)
        return {"after_id": after_id, "channel": channel, "has_mark": has_mark}

    def deliver(self, effect: Effect) -> dict[str, Any]:
        message = self._client.create_message(
            effect.body["number"],
            escape_liquid(effect.body["content"]),
            effect_key=effect.effect_key,
            channel=effect.context["channel"],
            private=effect.body["private"],
            items=effect.body.get("items", ()),
        )
        return {"message_id": message.id}

    def look_up(self, effect: Effect) -> dict[str, Any] | None:
        message = self._client.find_message(
            effect.body["number"],
            effect.context["after_id"],
            effect_key=effect.effect_key,
            content=escape_liquid(effect.body["content"]),
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
