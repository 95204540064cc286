"""Labels set by an agent: `repair-<status>` moves the repair where that is unambiguous."""

from __future__ import annotations

from chatwoot.names import STATUS_OF_LABEL, status_labels
from chatwoot.notes import Notes
from chatwoot.owing import owe_conversation_sync
from crm import threads
from crm.core.errors import Refusal
from crm.core.events import Actor
from crm.core.uow import UnitOfWork
from crm.repairs import service as repairs
from crm.repairs.service import Address, StatusNews
from crm.repairs.statuses import RepairStatus
from crm.replies import talks
from crm.tickets.models import Conversation


class LabelMoves:
    def __init__(self, notes: Notes):
        self._notes = notes

    def obey(self, uow: UnitOfWork, conversation: Conversation, added: tuple[str, ...]) -> None:
        """Move the one open repair of this thread, or the one talked about, to the status an added
        label names.

        A label that a linked repair stands for already, or a set we wrote ourselves a moment ago, is
        our own echo. Otherwise, where the wish is not clear or not allowed, a note says why. The
        labels are put right again.
        """
        wished = [STATUS_OF_LABEL[label] for label in added if label in STATUS_OF_LABEL]
        linked = threads.repairs_of_ticket(uow, conversation.ticket_id)
        wished = [status for status in wished if status not in {repair.status for repair in linked}]
        if not wished:
            return
        if status_labels(conversation.labels) in conversation.written_labels:
            # The repair has moved on since that write; should an agent have gone back to that very
            # set, the sync undoes it, since going back takes a reason.
            owe_conversation_sync(uow, conversation.id)
            return
        candidates = [repair for repair in linked if threads.is_open(repair)]
        chosen = talks.chosen(uow, talks.in_conversation(conversation))
        candidates = [chosen] if chosen in candidates else candidates
        problem = None
        if len(wished) > 1 or len(candidates) != 1:
            problem = "no_repair" if not candidates else "which_repair"
        values = {"repairs": [self._notes.of_repair(repair) for repair in candidates]}
        if problem is None:
            problem, values = self._move(uow, conversation, candidates[0].ref, wished[0])
        owe_conversation_sync(uow, conversation.id)
        if problem is not None:
            labels = "-".join(sorted(wished))
            key = (
                f"label:{conversation.id}:{labels}:{conversation.changed_at or uow.now.timestamp()}"
            )
            self._notes.write(uow, conversation, key, problem, values)

    def _move(
        self, uow: UnitOfWork, conversation: Conversation, ref: str, status: RepairStatus
    ) -> tuple[str | None, dict]:
        # A label does not tell who set it; the conversation's agent is the nearest known.
        actor = Actor("agent", conversation.assignee or "label")
        try:
            repairs.change_status(uow, Address(ref=ref), StatusNews(status, by_staff=True), actor)
        except Refusal as refusal:
            return "refused", {"detail": refusal.detail, "code": refusal.code}
        return None, {}
