"""Handlers for Chatwoot's events: each turns a body into plain values and calls a service."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import exists, select

from chatwoot import readings, receipts, schemas
from chatwoot.codes import Codes
from chatwoot.commands import Commands
from chatwoot.labels import LabelMoves
from chatwoot.names import status_labels
from chatwoot.owing import owe_conversation_sync, owe_handoff, owe_refresh, was_owed
from chatwoot.verify import BOT_SOURCE, HINT_SOURCE, SOURCE, number_of, parse
from crm.core import outbox
from crm.core.events import Actor
from crm.core.inbox import InboxRow
from crm.core.integration import Handler
from crm.core.uow import UnitOfWork
from crm.customers import service as customers
from crm.customers.models import Customer, CustomerKey
from crm.notifications import channels
from crm.replies import questions
from crm.tickets import mirror
from crm.tickets import service as tickets
from crm.tickets.models import AuthorKind, Conversation, Ticket

FETCHED = "conversation_fetched"
# Stored and answered 200, without a handler: event -> why, on the account's and on the bot's hook.
KNOWINGLY_IGNORED = {
    SOURCE: {
        "webwidget_triggered": "an opened bubble is nobody's wish yet",
        "conversation_typing_on": "over before it could be told",
        "conversation_typing_off": "over before it could be told",
        "inbox_created": "inboxes are provisioning's business",
        "inbox_updated": "inboxes are provisioning's business",
        "automation_event.conversation_created": "unsigned copy of an event that comes anyway",
        "automation_event.conversation_updated": "unsigned copy of an event that comes anyway",
        "automation_event.conversation_opened": "unsigned copy of an event that comes anyway",
        "automation_event.conversation_resolved": "unsigned copy of an event that comes anyway",
        "automation_event.message_created": "unsigned copy of an event that comes anyway",
        "macro.executed": "what a macro changes comes as an event of its own",
    },
    BOT_SOURCE: {
        "message_updated": "the account's hook has it",
        "conversation_opened": "the account's hook has it",
        "conversation_resolved": "the account's hook has it",
        "conversation_status_changed": "the account's hook has it",
        "conversation_updated": "the account's hook has it",
        "webwidget_triggered": "an opened bubble is nobody's wish yet",
    },
}
# A note that is read back long after it was written wants nothing done any more.
COMMAND_PATIENCE = timedelta(hours=24)
# An automation over there that keeps taking a label of ours away meets us once a minute.
RESTORE_PAUSE = timedelta(minutes=1)
SPOKEN = ("incoming", "outgoing", "template")
CONTACT = Actor("customer", "Chatwoot contact")
_CONVERSATION, _MESSAGE, _CONTACT = schemas.Conversation(), schemas.Message(), schemas.Contact()


class Inbound:
    """account_id: from the hook's address, never from a body (reliability.md, rule 4)."""

    def __init__(self, account_id: int, commands: Commands, labels: LabelMoves, codes: Codes):
        self._account_id = account_id
        self._codes = codes
        self._commands = commands
        self._labels = labels

    def handlers(self) -> dict[tuple[str, str], Handler]:
        ours = {
            "conversation_created": self.conversation_created,
            "conversation_updated": self.conversation_changed,
            "conversation_status_changed": self.conversation_changed,
            FETCHED: self.conversation_fetched,
            "message_created": self.message_created,
            "message_updated": self.message_updated,
            "contact_created": self.contact_created,
            "contact_updated": self.contact_updated,
        }
        return (
            {(SOURCE, event): handler for event, handler in ours.items()}
            | {(HINT_SOURCE, event): self.hint for event in ours if event != FETCHED}
            | {(BOT_SOURCE, "message_created"): self.bot_message_created}
        )

    def conversation_created(self, uow: UnitOfWork, row: InboxRow) -> None:
        body = readings.load(_CONVERSATION, row)
        if body["meta"]["sender"] is not None:
            self._mirror(uow, body)

    def conversation_changed(self, uow: UnitOfWork, row: InboxRow) -> None:
        body = readings.load(_CONVERSATION, row)
        if body["meta"]["sender"] is None:
            return
        conversation, is_new = self._mirror(uow, body)
        if is_new:
            return
        seen = readings.seen(self._account_id, body)
        if seen.changed_at is None or seen.changed_at == conversation.changed_at:
            if readings.differs(conversation, seen):
                # Nothing in the body says which is newer (rule 6).
                owe_refresh(uow, conversation.account_id, conversation.number)
            return
        self._apply(uow, conversation, seen)

    def conversation_fetched(self, uow: UnitOfWork, row: InboxRow) -> None:
        """A conversation as we read it from the API just now: the truth even without a version."""
        body = readings.load(_CONVERSATION, row)
        if body["meta"]["sender"] is None:
            return
        conversation, is_new = self._mirror(uow, body)
        if not is_new:
            self._apply(uow, conversation, readings.seen(self._account_id, body))

    def message_created(self, uow: UnitOfWork, row: InboxRow) -> None:
        body, codes = readings.load(_MESSAGE, row), self._codes.take_out(uow, row)
        said = self._said(uow, body)
        if body["conversation"]["meta"]["sender"] is None or body["message_type"] not in SPOKEN:
            return
        conversation, _ = self._mirror(uow, body["conversation"], said)
        if said.effect_key:
            self._echo(uow, said)
        message = mirror.append(uow, conversation, said)
        if said.effect_key:
            # Bodies are made later than the event: this one may know already what became of it.
            receipts.heard(uow, self._account_id, body, said.effect_key)
        if message is None:
            return
        uow.keep(conversation, message)
        questions.answered_by_button(uow, message, said.details.get("submitted_values"))
        if codes:
            self._codes.keep(uow, conversation, message, said, codes)
        if _is_deleted(body):
            mirror.revise(uow, said, deleted=True)
        self._rate(uow, message.ticket_id, said.details)
        is_fresh = said.created_at > uow.now - COMMAND_PATIENCE
        if said.private and said.author_kind == AuthorKind.AGENT and is_fresh:
            sender = body["sender"] or {}
            actor = Actor("agent", sender.get("name") or "", str(sender.get("id") or ""))
            self._commands.obey(uow, conversation, said, actor)

    def message_updated(self, uow: UnitOfWork, row: InboxRow) -> None:
        body = readings.load(_MESSAGE, row)
        if body["message_type"] not in SPOKEN:
            return
        said = self._said(uow, body)
        mirror.lock(uow, self._account_id, body["conversation"]["id"])
        message = mirror.revise(uow, said, deleted=_is_deleted(body))
        if message is None:
            # News of a message we never saw: the thread itself tells what it says now.
            owe_refresh(uow, self._account_id, body["conversation"]["id"])
            return
        questions.answered_by_button(uow, message, said.details.get("submitted_values"))
        self._rate(uow, message.ticket_id, said.details)
        if message.effect_key:
            receipts.heard(uow, self._account_id, body, message.effect_key)

    def contact_created(self, uow: UnitOfWork, row: InboxRow) -> None:
        """An anonymous visitor who merely opened a page is nobody yet (webhooks.md 2).

        Nor is one with an id of ours somebody new: their first message proves who it is.
        """
        contact = readings.load(_CONTACT, row)
        is_known_elsewhere = contact["identifier"] and not readings.claims_our_id(contact)
        if contact["email"] or contact["phone_number"] or is_known_elsewhere:
            customers.recognise(uow, readings.person(self._account_id, contact), CONTACT)

    def contact_updated(self, uow: UnitOfWork, row: InboxRow) -> None:
        """Comes with nearly every message; only people we know are updated, and only by news."""
        contact = readings.load(_CONTACT, row)
        key = readings.contact_key(self._account_id, contact["id"])
        known = select(exists().where(CustomerKey.kind == key.kind, CustomerKey.value == key.value))
        if uow.session.execute(known).scalar():
            customers.recognise(uow, readings.person(self._account_id, contact), CONTACT)

    def hint(self, uow: UnitOfWork, row: InboxRow) -> None:
        """An unsigned event proves nothing: fetch what it speaks of, and act on that."""
        self._codes.drop(uow, row)
        subject = row.subject.split(":")
        if subject[0] != "conversation":
            return
        message_id = number_of(parse(row.body or b"")) if row.type == "message_updated" else None
        owe_refresh(uow, self._account_id, int(subject[2]), message_id=message_id)

    def bot_message_created(self, uow: UnitOfWork, row: InboxRow) -> None:
        """With no assistant at work a pending conversation goes to people at once.

        Only an incoming public message in a pending conversation is the bot's business
        (chatwoot/README.md, decision 8).
        """
        body = readings.load(_MESSAGE, row)
        pending = body["conversation"]["status"] == "pending"
        if body["message_type"] == "incoming" and not body["private"] and pending:
            owe_handoff(uow, self._account_id, body["conversation"]["id"], body["id"])

    def _said(self, uow: UnitOfWork, body: dict[str, Any]) -> mirror.Said:
        ours = next((mark for mark in readings.marks(body) if was_owed(uow, mark)), None)
        return readings.said(body, ours)

    def _mirror(
        self, uow: UnitOfWork, body: dict[str, Any], said: mirror.Said | None = None
    ) -> tuple[Conversation, bool]:
        """Our row for the conversation in `body`, with its customer, and whether it is new.

        said: the message whose copy of the conversation this is. A copy that came with an older
        message than we know tells nothing about how the conversation stands now.
        """
        seen = readings.seen(self._account_id, body)
        conversation = mirror.lock(uow, self._account_id, seen.number)
        if conversation is not None and said and said.id < conversation.last_message_id:
            return conversation, False
        person = readings.person(
            self._account_id,
            body["meta"]["sender"],
            channel=seen.channel,
            is_verified=seen.is_verified,
            language=readings.language(body),
        )
        customer = customers.recognise(uow, person, CONTACT)
        if conversation is None:
            subject = said.body if said else ""
            return mirror.open_conversation(uow, seen, customer.id, subject), True
        mirror.note_reach(conversation, seen)
        mirror.rebind(uow, conversation, seen.contact_id, customer.id)
        return conversation, False

    def _apply(self, uow: UnitOfWork, conversation: Conversation, seen: mirror.Seen) -> None:
        before = status_labels(conversation.labels)
        change = mirror.apply_state(uow, conversation, seen)
        if change.added_labels:
            self._labels.obey(uow, conversation, change.added_labels)
        missing = [label for label in before if label not in conversation.labels]
        if missing:
            self._restore(uow, conversation, missing)

    def _restore(self, uow: UnitOfWork, conversation: Conversation, missing: list[str]) -> None:
        """Taking a status label away moves nothing: the sync puts back what still holds.

        Within the pause our row keeps the labels instead, so that the next pass of reconcile finds
        the difference.
        """
        restored_at = conversation.restored_at
        if restored_at is not None and uow.now - restored_at < RESTORE_PAUSE:
            conversation.labels = [*conversation.labels, *missing]
            return
        conversation.restored_at = uow.now
        owe_conversation_sync(uow, conversation.id)

    def _echo(self, uow: UnitOfWork, said: mirror.Said) -> None:
        """Our own message came back: whatever we were unsure of, it was sent."""
        if outbox.settle(uow, said.effect_key, {"message_id": said.id}):
            channels.arrived(uow, channels.by_effect_key(uow, said.effect_key))

    def _rate(self, uow: UnitOfWork, ticket_id: int, details: dict[str, Any]) -> None:
        """A CSAT answer rides in `submitted_values` (webhooks.md 11.2)."""
        values = details.get("submitted_values")
        answer = values.get("csat_survey_response") if isinstance(values, dict) else None
        if not isinstance(answer, dict) or answer.get("rating") not in (1, 2, 3, 4, 5):
            return
        comment = answer.get("feedback_message")
        ticket = uow.session.get_one(Ticket, ticket_id, with_for_update=True)
        customer = uow.session.get_one(Customer, ticket.customer_id)
        tickets.rate(
            uow,
            ticket,
            answer["rating"],
            comment if isinstance(comment, str) else None,
            Actor("customer", customer.name, customer.ref),
        )


def _is_deleted(message: dict[str, Any]) -> bool:
    return (message["content_attributes"] or {}).get("deleted") is True
