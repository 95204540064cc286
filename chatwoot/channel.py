"""Chatwoot as a channel: a message goes into the conversation of its repair or booking, an answer
into the one where the customer wrote.
"""

from __future__ import annotations

from typing import Any

from chatwoot.owing import owe_message
from chatwoot.readings import CHANNELS_THAT_PROVE_PHONE
from crm import threads
from crm.core.uow import UnitOfWork
from crm.notifications import channels, service
from crm.notifications.decision import Reach
from crm.notifications.models import Notification
from crm.replies import questions, wishes
from crm.texting import inbox_templates, numbers
from crm.tickets.models import Conversation

# Where nobody's telephone rings; every other kind of inbox ends on one.
SILENT = ("Channel::WebWidget", "Channel::Email", "Channel::Api", "")


class ConversationChannel:
    name = "chatwoot"

    def reach(self, uow: UnitOfWork, notification: Notification) -> Reach | None:
        """A code never goes into a thread, which may be another's."""
        conversation = _conversation(uow, notification)
        if conversation is None or notification.sealed_body is not None:
            return None
        about = "the repair's ticket" if notification.repair_id else "the booking"
        if notification.conversation_id is not None:
            about = "what they wrote"
        return Reach(
            f"conversation {conversation.number} of {about}",
            obstacle=_obstacle(uow, conversation, notification),
            rings=conversation.channel not in SILENT,
        )

    def send(self, uow: UnitOfWork, notification: Notification, reach: Reach, reason: str) -> None:
        conversation = _conversation(uow, notification)
        if conversation is None:
            raise RuntimeError("a conversation that was reached is gone")
        hold, deadline = channels.timing(uow, notification)
        service.queued(notification, self.name, reason)
        owe_message(
            uow,
            conversation.account_id,
            conversation.number,
            notification.effect_key,
            notification.body,
            hold=hold,
            deadline=deadline,
            items=questions.buttons(uow, notification.event_key, conversation),
            template=_template(uow, conversation, notification),
        )


def _obstacle(
    uow: UnitOfWork, conversation: Conversation, notification: Notification
) -> str | None:
    if conversation.channel in CHANNELS_THAT_PROVE_PHONE and wishes.has_stopped(uow, conversation):
        return numbers.SAID_STOP
    # `can_reply` is Chatwoot's word for the channel's window (webhooks.md, conversation).
    if conversation.can_reply or _template(uow, conversation, notification):
        return None
    return "its window for answers is closed"


def _template(
    uow: UnitOfWork, conversation: Conversation, notification: Notification
) -> dict[str, Any] | None:
    """The approved words for a closed window; None where its inbox has none for this message."""
    ready = inbox_templates.filled(
        uow,
        conversation.inbox_id,
        notification.template,
        notification.locale,
        notification.variables,
    )
    if ready is None:
        return None
    params = {
        "name": ready.remote_name,
        "category": ready.category,
        "language": ready.language,
        "processed_params": dict(ready.values),
    }
    return {"content": ready.words, "params": params}


def _conversation(uow: UnitOfWork, notification: Notification) -> Conversation | None:
    if notification.conversation_id is not None:
        return uow.session.get(Conversation, notification.conversation_id)
    if notification.repair_id is not None:
        return threads.conversation_for_repair(uow, notification.repair_id)
    if notification.booking_id is not None:
        return threads.conversation_for_booking(uow, notification.booking_id)
    return None
