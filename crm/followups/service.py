"""Commands on follow-ups: the plan made at the handing over, what staff add and change.

Sending is the round's; `surveys.py` takes the answers.
"""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, exists, select, text
from sqlalchemy.dialects.postgresql import insert

from crm.core.errors import Conflict, Invalid, NotFound
from crm.core.events import SYSTEM, Actor
from crm.core.uow import UnitOfWork
from crm.followups import rules, settings
from crm.followups.models import FollowUp
from crm.notifications import service as notifications
from crm.notifications.models import Notification, NotificationState
from crm.repairs.events import RepairCorrected, RepairStatusChanged
from crm.repairs.models import Repair
from crm.repairs.statuses import RepairFlag, RepairStatus

TAKEN_BACK = "the repair was taken back"


class Planning:
    """zone: the shop's."""

    def __init__(self, zone: ZoneInfo):
        self._zone = zone

    def begin(self, uow: UnitOfWork, event: RepairStatusChanged) -> None:
        """At the handing over. Handed over again after a correction, what was cancelled is planned anew."""
        if event.after != RepairStatus.DELIVERED:
            return
        repair = uow.session.get_one(Repair, event.subject_id)
        if repair.customer_id is None or RepairFlag.CANCELLED in repair.flags:
            return
        planned = rules.plan(settings.read(uow), uow.now, self._zone)
        if "review_request" in planned and _was_asked(uow, repair.customer_id):
            del planned["review_request"]
        for kind, due_at in planned.items():
            fresh = {"state": rules.PENDING, "due_at": due_at, "reason": None, "closed_at": None,
                     "event_key": None, "composed_at": None}  # fmt: skip
            uow.session.execute(
                insert(FollowUp)
                .values(
                    repair_id=repair.id, customer_id=repair.customer_id, kind=kind,
                    created_by=SYSTEM.name, created_at=uow.now, **fresh,
                )
                .on_conflict_do_update(
                    index_elements=["repair_id", "kind"],
                    # Spelt out: a prepared statement does not match an index by a parameter.
                    index_where=text("kind <> 'custom'"),
                    set_=fresh | {"created_at": uow.now},
                    where=(FollowUp.state == rules.CANCELLED) & (FollowUp.reason == TAKEN_BACK),
                )
            )  # fmt: skip

    def take_back(self, uow: UnitOfWork, event: RepairCorrected) -> None:
        """What was not sent is not sent, and is planned anew at the next handing over."""
        if event.before != RepairStatus.DELIVERED:
            return
        theirs = (
            select(FollowUp)
            .where(
                FollowUp.repair_id == event.subject_id,
                FollowUp.kind != rules.CUSTOM,
                FollowUp.state.in_((rules.PENDING, rules.SCHEDULED)),
            )
            .with_for_update()
        )
        for follow_up in uow.session.scalars(theirs):
            stop(uow, follow_up, rules.CANCELLED, TAKEN_BACK)


def add(
    uow: UnitOfWork,
    customer_id: int,
    repair_id: int | None,
    words: str,
    due_at: datetime | None,
    actor: Actor,
) -> FollowUp:
    """A message in words of staff. due_at: None for now. Raises Invalid (it is past or too far off)."""
    if due_at is None:
        due_at = uow.now
    else:
        _check_due(uow, due_at)
    follow_up = FollowUp(
        repair_id=repair_id, customer_id=customer_id, kind=rules.CUSTOM, state=rules.PENDING,
        words=words, due_at=due_at, created_by=actor.name, created_at=uow.now,
    )  # fmt: skip
    uow.session.add(follow_up)
    uow.session.flush()
    return follow_up


def change(
    uow: UnitOfWork, follow_up_id: int, *, due_at: datetime | None = None, words: str | None = None
) -> FollowUp:
    """Move one that has not left to another time, or one that failed to another try; or reword it.

    Raises NotFound, Invalid, Conflict (`follow-up-over`).
    """
    follow_up = locked(uow, follow_up_id)
    if follow_up.state not in (rules.PENDING, rules.FAILED):
        raise Conflict(f"it is {follow_up.state} already", code="follow-up-over")
    if words is not None:
        if follow_up.kind != rules.CUSTOM:
            raise Invalid("its words are the shop's", errors={"words": ["Only of custom ones."]})
        follow_up.words = words
    if due_at is not None:
        _check_due(uow, due_at)
        follow_up.due_at, follow_up.state = due_at, rules.PENDING
        follow_up.event_key = follow_up.composed_at = None
        follow_up.closed_at = follow_up.reason = None
    return follow_up


def cancel(uow: UnitOfWork, follow_up_id: int, actor: Actor) -> FollowUp:
    """Cancelled twice it is cancelled once. Raises NotFound, Conflict (`follow-up-over`: it left)."""
    follow_up = locked(uow, follow_up_id)
    if follow_up.state == rules.CANCELLED:
        return follow_up
    if not stop(uow, follow_up, rules.CANCELLED, f"cancelled by {actor.name}"):
        raise Conflict(f"it is {follow_up.state} already", code="follow-up-over")
    return follow_up


def stop(uow: UnitOfWork, follow_up: FollowUp, state: str, reason: str) -> bool:
    """End one that has not left, and take its message back.

    False when that has left or is just leaving; then nothing is changed.
    """
    if follow_up.state == rules.SCHEDULED:
        notifications.take_back_event(uow, follow_up.event_key or "", reason)
        uow.session.flush()
        if not _is_undone(uow, follow_up):
            return False
    elif follow_up.state != rules.PENDING:
        return False
    end(uow, follow_up, state, reason)
    return True


def end(uow: UnitOfWork, follow_up: FollowUp, state: str, reason: str) -> None:
    follow_up.state, follow_up.reason, follow_up.closed_at = state, reason, uow.now


def locked(uow: UnitOfWork, follow_up_id: int) -> FollowUp:
    """Raises NotFound."""
    follow_up = uow.session.get(FollowUp, follow_up_id, with_for_update=True)
    if follow_up is None:
        raise NotFound("no such follow-up")
    return follow_up


def has_new_repair() -> ColumnElement[bool]:
    """The customer brought something since it was planned; a come-back is a repair of its own."""
    return (
        exists()
        .where(Repair.customer_id == FollowUp.customer_id, Repair.id != FollowUp.repair_id)
        .where(Repair.received_at > FollowUp.created_at)
        .correlate(FollowUp)
    )


def _is_undone(uow: UnitOfWork, follow_up: FollowUp) -> bool:
    """Whether its message will not leave any more: it was taken back, or is not wanted."""
    state = uow.session.scalar(
        select(Notification.state).where(Notification.event_key == follow_up.event_key)
    )
    return state in (None, NotificationState.CANCELLED, NotificationState.SKIPPED)


def _was_asked(uow: UnitOfWork, customer_id: int) -> bool:
    """Whether the customer is being asked for a review, or was not long ago."""
    query = exists().where(
        FollowUp.customer_id == customer_id,
        FollowUp.kind == "review_request",
        FollowUp.state.not_in((rules.CANCELLED, rules.FAILED)),
        FollowUp.due_at > uow.now - rules.ASK_AGAIN_AFTER,
    )
    return bool(uow.session.scalar(select(query)))


def _check_due(uow: UnitOfWork, due_at: datetime) -> None:
    if due_at <= uow.now:
        raise Invalid("too early", errors={"due_at": ["Must lie ahead."]})
    if (due_at - uow.now).days >= rules.MOST_DAYS:
        raise Invalid("too late", errors={"due_at": [f"Must be within {rules.MOST_DAYS} days."]})
