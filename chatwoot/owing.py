"""Effects we owe Chatwoot: outbox rows with their keys and lanes. `outbound.py` carries them out.

Sends: `chatwoot.message`, `chatwoot.note`, `chatwoot.handoff`, `chatwoot.forget` (a contact). Syncs:
`chatwoot.contact` (attributes), `chatwoot.conversation` (attributes and labels), `chatwoot.status`,
`chatwoot.refresh` (read it again), `chatwoot.agent` (who it is that a conversation was given to),
`chatwoot.templates` (of WhatsApp inboxes).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import exists, select

from crm.core import outbox
from crm.core.outbox import SEND, OutboxRow
from crm.core.uow import UnitOfWork

HANDOFF_DEADLINE = timedelta(hours=24)


def _lane(account_id: int, number: int) -> str:
    return f"chatwoot:{account_id}:{number}"


def owe_message(
    uow: UnitOfWork,
    account_id: int,
    number: int,
    effect_key: str,
    text: str,
    *,
    hold: timedelta = timedelta(),
    deadline: timedelta | None = None,
    items: Sequence[Mapping[str, str]] = (),
    template: Mapping[str, Any] | None = None,
) -> None:
    """items: title and value of each button to answer with. template: what to send once the window
    for free words is closed: `content`, and Chatwoot's `params` (api.md 4.2).
    """
    body = {"account_id": account_id, "number": number, "content": text, "private": False}
    if items:
        body["items"] = [dict(item) for item in items]
    if template is not None:
        body["template"] = dict(template)
    outbox.send(uow, "chatwoot.message", effect_key, body, lane=_lane(account_id, number),
                hold=hold, deadline=deadline)  # fmt: skip


def owe_note(uow: UnitOfWork, account_id: int, number: int, effect_key: str, text: str) -> None:
    """Notes have a lane of their own: an answer to an agent does not wait for a customer's message."""
    body = {"account_id": account_id, "number": number, "content": text, "private": True}
    outbox.send(uow, "chatwoot.note", effect_key, body, lane=_lane(account_id, number) + ":notes")


def owe_handoff(uow: UnitOfWork, account_id: int, number: int, message_id: int) -> None:
    body = {"account_id": account_id, "number": number}
    outbox.send(uow, "chatwoot.handoff", f"handoff:{number}:{message_id}", body,
                lane=_lane(account_id, number) + ":handoff", deadline=HANDOFF_DEADLINE)  # fmt: skip


def owe_forgetting(uow: UnitOfWork, account_id: int, contact_id: int) -> None:
    body = {"account_id": account_id, "contact_id": contact_id}
    key = f"forget:{account_id}:{contact_id}"
    outbox.send(uow, "chatwoot.forget", key, body, lane=f"chatwoot:{key}")


def owe_contact_sync(uow: UnitOfWork, account_id: int, contact_id: int) -> None:
    body = {"account_id": account_id, "contact_id": contact_id}
    outbox.sync(uow, "chatwoot.contact", f"{account_id}:{contact_id}", body)


def owe_conversation_sync(uow: UnitOfWork, conversation_id: int) -> None:
    outbox.sync(
        uow, "chatwoot.conversation", str(conversation_id), {"conversation_id": conversation_id}
    )


def owe_status_sync(uow: UnitOfWork, conversation_id: int) -> None:
    outbox.sync(uow, "chatwoot.status", str(conversation_id), {"conversation_id": conversation_id})


def owe_refresh(
    uow: UnitOfWork, account_id: int, number: int, *, message_id: int | None = None
) -> None:
    """message_id: a message that changed, to be read again although it may be an old one."""
    body = {"account_id": account_id, "number": number, "message_id": message_id}
    outbox.sync(uow, "chatwoot.refresh", f"{account_id}:{number}:{message_id or ''}", body)


def owe_agent(uow: UnitOfWork, conversation_id: int, agent_id: int) -> None:
    body = {"conversation_id": conversation_id, "agent_id": agent_id}
    outbox.sync(uow, "chatwoot.agent", f"{conversation_id}:{agent_id}", body)


def owe_templates(uow: UnitOfWork, account_id: int) -> None:
    outbox.sync(uow, "chatwoot.templates", str(account_id), {})


def was_owed(uow: UnitOfWork, effect_key: str) -> bool:
    """Whether this is the key of a send of ours."""
    owed = select(exists().where(OutboxRow.effect_key == effect_key, OutboxRow.mode == SEND))
    return bool(uow.session.execute(owed).scalar())
