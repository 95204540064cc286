"""Carrying out sends in Chatwoot: messages, notes and the hand-off to people."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from chatwoot.client import Client
from chatwoot.liquid import escape_liquid
from crm.core.integration import PlainDeliverer
from crm.core.outbox import Effect
from crm.core.uow import UnitOfWork
from crm.notifications import service as notifications
from crm.notifications.models import NotificationState
from crm.tickets.models import Conversation


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
        return {"after_id": after_id, "channel": channel}

    def deliver(self, effect: Effect) -> dict[str, Any]:
        message = self._client.create_message(
            effect.body["number"],
            escape_liquid(effect.body["content"]),
            effect_key=effect.effect_key,
            channel=effect.context["channel"],
            private=effect.body["private"],
        )
        return {"message_id": message.id}

    def look_up(self, effect: Effect) -> dict[str, Any] | None:
        message = self._client.find_message(
            effect.body["number"],
            effect.context["after_id"],
            effect_key=effect.effect_key,
            channel=effect.context["channel"],
            content=escape_liquid(effect.body["content"]),
            private=effect.body["private"],
            not_before=effect.first_tried_at,
        )
        return {"message_id": message.id} if message else None

    def on_done(self, uow: UnitOfWork, effect: Effect, result: dict[str, Any]) -> None:
        notifications.settle(uow, effect.effect_key, NotificationState.SENT)

    def on_dead(self, uow: UnitOfWork, effect: Effect, reason: str) -> None:
        notifications.settle(uow, effect.effect_key, NotificationState.FAILED, reason)


class HandOff(PlainDeliverer):
    """Open a pending conversation for people; with the bot's token it counts as its hand-off."""

    def __init__(self, client: Client):
        self._client = client

    def deliver(self, effect: Effect) -> dict[str, Any]:
        number = effect.body["number"]
        if self._client.conversation(number).status == "pending":
            self._client.toggle_status(number, "open", as_bot=self._client.has_bot)
        return {}
