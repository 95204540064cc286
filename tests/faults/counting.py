"""Counts, in the database and in the sandbox, what was lost, doubled or left different."""

from __future__ import annotations

from collections import Counter
from typing import Any

from psycopg.errors import DeadlockDetected
from sqlalchemy import select, text
from sqlalchemy.exc import OperationalError

from chatwoot import context
from chatwoot.objects import MARK
from crm import threads
from crm.billing.standing import Open
from crm.core.inbox import InboxRow
from crm.core.outbox import OutboxRow
from crm.customers.models import Customer
from crm.notifications.models import Notification
from crm.tickets.models import Conversation, Ticket, TicketMessage
from tests.faults.harness import Service, eventually

OPEN = text("""
    SELECT (SELECT count(*) FROM inbox WHERE state IN ('pending', 'running'))
         + (SELECT count(*) FROM outbox WHERE state IN ('pending', 'sending', 'unsure'))""")
_FORGET = """
    SELECT string_agg(quote_ident(tablename), ', ') FROM pg_tables WHERE schemaname = 'public'
      AND tablename NOT IN ('alembic_version', 'secrets', 'staff', 'api_keys', 'schedules', 'audit',
                            'chatwoot_hooks', 'reconcile_runs') AND tablename NOT LIKE 'catalog%'"""


def rest(service: Service, seconds: float = 40.0) -> None:
    """Wait until nothing is owed, here and over there."""

    def is_quiet() -> bool:
        with service.parts.engine.connect() as connection:
            if connection.execute(OPEN).scalar_one():
                return False
        return service.play("GET", "/deliveries?limit=1")["pending"] == 0

    try:
        # Twice: a delivery may have arrived between the two looks.
        eventually(lambda: is_quiet() and is_quiet(), "nothing is owed", seconds)
    except AssertionError as error:
        raise AssertionError(f"{error}\n{unfinished(service)}") from None


def delivered(service: Service) -> None:
    """Wait until the sandbox has posted, or given up, all it has to say."""
    eventually(
        lambda: service.play("GET", "/deliveries?limit=1")["pending"] == 0, "all is posted", 60
    )


def unfinished(service: Service) -> str:
    with service.parts.units() as uow:
        rows = uow.session.execute(
            text("""
            SELECT 'inbox', id, type, subject, state, reason, due_at - clock_timestamp() FROM inbox
            WHERE state IN ('pending', 'running')
            UNION ALL SELECT 'outbox', id, kind, lane, state, reason, due_at - clock_timestamp()
            FROM outbox WHERE state IN ('pending', 'sending', 'unsure') LIMIT 20""")
        ).all()
    return "\n".join(" ".join(map(str, row)) for row in rows)


def clear(service: Service) -> None:
    """Forget customers and all that came of them, in both."""
    service.play("POST", "/reset", {})
    service.faults(rate_limit_per_minute=1e9)

    def forget() -> bool:
        try:
            with service.parts.engine.begin() as connection:
                names = connection.execute(text(_FORGET)).scalar_one()
                connection.execute(text(f"TRUNCATE {names}"))
        except OperationalError as error:
            # The scheduler's duties read several tables at once, and may win.
            if not isinstance(error.orig, DeadlockDetected):
                raise
            return False
        return True

    eventually(forget, "everything is forgotten")


def violations(service: Service) -> list[str]:
    """What is wrong, one sentence each, naming the conversation's customer or the row."""
    state = service.play("GET", "/state")
    found: list[str] = []
    with service.parts.units() as uow:
        session = uow.session
        for row in session.scalars(
            select(InboxRow).where(InboxRow.state.not_in(("done", "ignored")))
        ):
            found.append(f"inbox {row.id} {row.type} {row.subject} is {row.state}: {row.reason}")
        for row in session.scalars(
            select(OutboxRow).where(OutboxRow.state.not_in(("done", "cancelled")))
        ):
            found.append(
                f"outbox {row.id} {row.effect_key} {row.lane} is {row.state}: {row.reason}"
            )
        marks: Counter[str] = Counter()
        for remote in state["conversations"]:
            found += _compare(service, uow, remote)
            for message in remote["messages"]:
                if mark := (message.get("content_attributes") or {}).get(MARK):
                    marks[mark] += 1
        found += [f"effect {key} has {count} messages" for key, count in marks.items() if count > 1]
        for told in session.scalars(select(Notification)):
            if told.state != "sent" or marks[told.event_key] != 1:
                found.append(f"notification {told.event_key} {told.template} is {told.state}"
                             f" ({told.reason}) with {marks[told.event_key]} messages")  # fmt: skip
        for contact in state["contacts"]:
            found += _compare_contact(service, uow, contact)
    return found


def _compare(service: Service, uow: Any, remote: dict[str, Any]) -> list[str]:
    name = f"{remote['meta']['sender']['name']} (conversation {remote['id']})"
    ours = uow.session.scalars(
        select(Conversation).where(Conversation.number == remote["id"])
    ).all()
    if len(ours) != 1:
        return [f"{name}: {len(ours)} mirrors"]
    one, found = ours[0], []
    sharing = uow.session.scalars(
        select(Conversation).where(Conversation.ticket_id == one.ticket_id)
    )
    if len(sharing.all()) != 1:
        found.append(f"{name}: its ticket is shared")
    ticket = uow.session.get_one(Ticket, one.ticket_id)
    repairs = threads.repairs_of_ticket(uow, ticket.id)
    held = uow.session.scalars(
        select(TicketMessage.external_id).where(TicketMessage.conversation_id == one.id)
    ).all()
    said = [m for m in remote["messages"] if m["message_type"] in (0, 1, 3)]
    wanted = {
        "status": (remote["status"], one.status),
        "labels": (set(remote["labels"]), set(one.labels)),
        "right labels": (
            set(remote["labels"]),
            set(context.merged_labels(remote["labels"], repairs, Open())),
        ),
        "messages": ({f"chatwoot:{m['id']}" for m in said}, set(held)),
        "attributes": (
            remote["custom_attributes"],
            context.merged_attributes(
                remote["custom_attributes"], context.conversation_attributes(ticket, repairs)
            ),
        ),
    }
    found += [f"{name}: {what}: there {there!r}, here {here!r}"
              for what, (there, here) in wanted.items() if there != here]  # fmt: skip
    return found


def _compare_contact(service: Service, uow: Any, contact: dict[str, Any]) -> list[str]:
    one = uow.session.scalars(
        select(Conversation).where(Conversation.contact_id == contact["id"]).limit(1)
    ).first()
    if one is None:
        return []
    customer = uow.session.get_one(Customer, one.customer_id)
    repairs = threads.repairs_of_contact(uow, one.account_id, contact["id"], customer.id)
    wanted = context.contact_attributes(service.parts.shop, customer, repairs, Open())
    shown = {key: contact["custom_attributes"].get(key) for key in wanted}
    return [] if shown == wanted else [f"{contact['name']}: there {shown}, here {wanted}"]
