"""Chatwoot as a channel: a message goes into the conversation of its repair or booking, an answer
into the one where the customer wrote.
"""

from __future__ import annotations

from chatwoot.owing import owe_message
from crm import threads
from crm.core.uow import UnitOfWork
from crm.notifications import channels, service
from crm.notifications.decision import Reach
from crm.notifications.models import Notification
from crm.replies import questions
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
            # `can_reply` is Chatwoot's word for the channel's window (webhooks.md, conversation).
            obstacle=None if conversation.can_reply else "its window for answers is closed",
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
        )


def _conversation(uow: UnitOfWork, notification: Notification) -> Conversation | None:
    if notification.conversation_id is not None:
        return uow.session.get(Conversation, notification.conversation_id)
    if notification.repair_id is not None:
        return threads.conversation_for_repair(uow, notification.repair_id)
    if notification.booking_id is not None:
        return threads.conversation_for_booking(uow, notification.booking_id)
    return None
