"""Owing our events to those who asked for them, in the transaction that causes them."""

from __future__ import annotations

from typing import Any

from crm.core import audit, clock, outbox
from crm.core.errors import Conflict
from crm.core.events import Actor, Event
from crm.core.outbox import OutboxRow
from crm.core.uow import Reactions, UnitOfWork
from crm.outgoing import catalogue
from crm.subscriptions import service as subscriptions

KIND = "webhooks.post"


def table() -> Reactions:
    return {event: (owe,) for event in catalogue.PUBLIC}


def owe(uow: UnitOfWork, event: Event) -> None:
    """One row for each subscription; news of one subject reaches a subscription in order."""
    wanting = subscriptions.wanting(uow, event.kind)
    if not wanting:
        return
    number = uow.event_id()
    body = {
        "type": event.kind,
        "timestamp": clock.iso(uow.now),
        "data": {"version": number} | catalogue.data(uow, event),
    }
    for subscription_id in wanting:
        _send(uow, subscription_id, f"evt_{number}", body,
              lane=f"webhooks:{subscription_id}:{event.subject_kind}:{event.subject_id}")  # fmt: skip


def owe_test(uow: UnitOfWork, subscription_id: int) -> int:
    """An event that says nothing. Returns the outbox row's id."""
    name = f"evt_test_{uow.now.timestamp():.6f}"
    body = {"type": catalogue.TEST_KIND, "timestamp": clock.iso(uow.now), "data": {}}
    row_id = _send(uow, subscription_id, name, body, lane=f"webhooks:{subscription_id}:test")
    if row_id is None:
        raise RuntimeError("two tests in one microsecond")
    return row_id


def destination(subscription_id: int) -> str:
    """Each address has a breaker of its own."""
    return f"webhooks:{subscription_id}"


def again(uow: UnitOfWork, row: OutboxRow, actor: Actor) -> None:
    """Send an event once more, whatever became of it; the receiver knows it by its `webhook-id`.

    Raises Conflict (`not-replayable`) while it still waits to be sent.
    """
    if row.state in (outbox.PENDING, outbox.SENDING, outbox.UNSURE):
        raise Conflict("this event is still on its way", code="not-replayable")
    row.state, row.due_at, row.done_at, row.first_tried_at = outbox.PENDING, uow.now, None, None
    row.attempts = row.errors = row.lost_leases = 0
    audit.write(uow, actor, "webhook.replay", f"effect/{row.id}")
    uow.new_outbox.append(row.id)


def _send(
    uow: UnitOfWork, subscription_id: int, name: str, body: dict[str, Any], *, lane: str
) -> int | None:
    return outbox.send(
        uow,
        KIND,
        f"webhook:{subscription_id}:{name}",
        {"subscription_id": subscription_id, "webhook_id": name, "event": body},
        lane=lane,
        destination=destination(subscription_id),
    )
