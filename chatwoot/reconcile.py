"""Finds what Chatwoot's webhooks failed to bring (reliability.md, rule 26).

Account webhooks are sent once, so conversations are read back: those updated within the gap *and*
the pages by last activity down to the watermark (before 4.3 a new message leaves `updated_at`
alone), then each one's messages after the last compared id. Everything found goes through the same
inbox under the same keys, so nothing is doubled; each find was a lost webhook and is counted.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta

import structlog
from sqlalchemy import select, text

from chatwoot import readings, schemas
from chatwoot.client import Client
from chatwoot.codes import Mask, masked
from chatwoot.inbound import FETCHED
from chatwoot.objects import Conversation as Remote
from chatwoot.objects import Message
from chatwoot.rest_events import conversation_event, message_event
from chatwoot.verify import SOURCE, meaning_of, subject_of
from crm.core import clock, inbox
from crm.core.errors import Invalid
from crm.core.inbox import Delivery
from crm.core.reconciling import Passes, ReconcileRun
from crm.core.uow import Units
from crm.tickets.models import Conversation, TicketMessage

log = structlog.get_logger(__name__)

OVERLAP = timedelta(minutes=5)
FIRST_LOOK_BACK = timedelta(hours=24)
_CONVERSATION = schemas.Conversation()


class Reader:
    """Compares one conversation with ours and stores what we lack."""

    def __init__(self, client: Client, units: Units, mask: Mask):
        self._client = client
        self._units = units
        self._mask = mask
        self._account_id = client.account_id

    def read(self, number: int, message_id: int | None = None) -> int:
        """Fetch the conversation by its number. Returns how many events were new to us.

        message_id: a message that is said to have changed, and is read too.
        """
        remote = self._client.conversation(number)
        found = self.compare(remote)
        if message_id is not None:
            message = next(self._client.messages.after(number, message_id - 1), None)
            if message is not None and message.id == message_id and message.kind != "activity":
                found += self._store(message_event(message.raw, remote.raw, "message_updated"))
        return found

    def compare(self, remote: Remote) -> int:
        known = self._known(remote.id)
        after_id = known.reconciled_message_id if known else 0
        found, last_id = 0, after_id
        read = []
        for message in self._client.messages.after(remote.id, after_id):
            last_id = max(last_id, message.id)
            if message.kind != "activity":
                read.append(message)
                found += self._store(message_event(message.raw, remote.raw))
        for message in self._changed(read):
            found += self._store(message_event(message.raw, remote.raw, "message_updated"))
        if known is None and found == 0:
            found += self._store(conversation_event("conversation_created", remote.raw))
        elif known is not None and self._differs(known, remote):
            found += self._store(conversation_event(FETCHED, remote.raw))
        if known is not None and last_id > after_id:
            with self._units() as uow:
                uow.session.execute(
                    text("""UPDATE conversations SET reconciled_message_id = :last
                            WHERE id = :id AND reconciled_message_id < :last"""),
                    {"id": known.id, "last": last_id},
                )
        return found

    def _known(self, number: int) -> Conversation | None:
        with self._units() as uow:
            row = uow.session.scalars(
                select(Conversation).where(
                    Conversation.account_id == self._account_id, Conversation.number == number
                )
            ).first()
            if row is not None:
                uow.session.expunge(row)
            return row

    def _differs(self, known: Conversation, remote: Remote) -> bool:
        """Whether the state over there is newer than ours, or different where no version tells."""
        try:
            body = readings.checked(_CONVERSATION, conversation_event(FETCHED, remote.raw))
        except Invalid as error:
            # One conversation we can not read must not keep us from the others.
            log.warning("conversation not readable", number=remote.id, detail=error.detail)
            return False
        seen = readings.seen(self._account_id, body)
        is_older = None not in (seen.changed_at, known.changed_at) and (
            seen.changed_at < known.changed_at
        )
        return not is_older and readings.differs(known, seen)

    def _changed(self, messages: Sequence[Message]) -> list[Message]:
        """Those of the messages that were deleted or rewritten since we took them in.

        Chatwoot renders what we sent ourselves, so our own words are not compared.
        """
        ids = [f"chatwoot:{message.id}" for message in messages]
        with self._units() as uow:
            ours = {
                row.external_id: row
                for row in uow.session.scalars(
                    select(TicketMessage).where(
                        TicketMessage.external_id.in_(ids), TicketMessage.deleted_at.is_(None)
                    )
                )
            }
            return [
                message
                for message, external_id in zip(messages, ids, strict=True)
                if (row := ours.get(external_id)) is not None
                and (
                    message.content_attributes.get("deleted") is True
                    or (row.effect_key is None and row.body != _words(message))
                )
            ]

    def _store(self, body: dict) -> int:
        """1 if the event was new to the inbox."""
        self._mask(body)
        raw = json.dumps(body).encode()
        event = body["event"]
        meaning, window = meaning_of(event, body, raw)
        with self._units() as uow:
            stored = inbox.store(
                uow,
                Delivery(
                    source=SOURCE,
                    sender=str(self._account_id),
                    type=event,
                    subject=subject_of(self._account_id, event, body),
                    key=f"reconcile:{uuid.uuid4()}",
                    body=raw,
                    meaning_key=meaning,
                    window_seconds=window,
                ),
            )
        return int(stored.is_new)


def _words(message: Message) -> str:
    """The text as the inbox would store it."""
    words = message.content or ""
    if message.kind == "incoming":
        words = masked(words)
    return schemas.clean(words)[: schemas.MOST_TEXT]


class Reconcile:
    """run: one pass. The watermark moves only after a whole pass."""

    def __init__(
        self,
        client: Client,
        units: Units,
        mask: Mask,
        now: Callable[[], datetime] = clock.now,
    ):
        self._client = client
        self._reader = Reader(client, units, mask)
        self._passes = Passes(SOURCE, OVERLAP, FIRST_LOOK_BACK, units, now)

    def run(self, *, look_back: timedelta | None = None) -> ReconcileRun:
        """look_back: compare at least this far, for the nightly pass. Raises what the client raises."""
        with self._passes.begun(look_back) as (run, since):
            for remote in self._changed_since(since, run.started_at):
                run.found += self._reader.compare(remote)
                run.conversations += 1
        return run

    def _changed_since(self, since: datetime, started_at: datetime) -> Iterator[Remote]:
        seen: set[int] = set()
        seconds = int((started_at - since).total_seconds()) + 1
        for remote in self._client.conversations(updated_within=seconds):
            seen.add(remote.id)
            yield remote
        for remote in self._client.conversations(sort_by="last_activity_at_desc"):
            if remote.last_activity_at is not None and remote.last_activity_at < since:
                return
            if remote.id not in seen:
                seen.add(remote.id)
                yield remote
