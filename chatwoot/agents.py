"""Who of our staff an agent is: the person with the same e-mail address.

Webhooks name an agent by number alone, so the account's list is read when one comes up that is not
known, or was not read for a day. What becomes of an assignment is `crm/noticing.py`'s business.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert

from chatwoot.client import Client
from chatwoot.faults import Gone
from chatwoot.models import Agent
from chatwoot.owing import owe_agent
from crm import noticing
from crm.core.integration import PlainDeliverer
from crm.core.outbox import Effect
from crm.core.uow import Reactions, UnitOfWork, Units
from crm.staff.models import Staff
from crm.tickets.events import ConversationAssigned
from crm.tickets.models import Conversation

KNOWN_FOR = timedelta(days=1)
READ_AGAIN_AFTER = timedelta(minutes=10)
# An assignment that is read back long after it was made is no news to whom it was made.
IS_NEWS_FOR = timedelta(hours=24)
LONGEST_EMAIL = 254


def table() -> Reactions:
    return {ConversationAssigned: (assigned,)}


def assigned(uow: UnitOfWork, event: ConversationAssigned) -> None:
    """Tell the agent, once we know who that is."""
    conversation = uow.session.get_one(Conversation, event.conversation_id)
    is_old = conversation.last_activity_at < uow.now - IS_NEWS_FOR
    if is_old or conversation.status == "resolved":
        return
    agent = uow.session.get(Agent, (conversation.account_id, event.agent_id))
    if agent is None or agent.read_at < uow.now - KNOWN_FOR:
        owe_agent(uow, conversation.id, event.agent_id)
    else:
        _tell(uow, f"event:{uow.event_id()}", conversation, agent.email)


class FindAgent(PlainDeliverer):
    """Learn who an agent is, and tell them of the conversation if it is still theirs."""

    def __init__(self, client: Client, units: Units):
        self._client = client
        self._units = units

    def deliver(self, effect: Effect) -> dict[str, Any]:
        with self._units() as uow:
            number = uow.session.get_one(Conversation, effect.body["conversation_id"]).number
            is_due = _is_due(uow, self._client.account_id)
        if is_due:
            rows = self._client.account.items("agents")
            with self._units() as uow:
                _keep(uow, self._client.account_id, rows)
        try:
            holder = self._client.conversation(number).assignee_id
        except Gone:
            # A conversation that was deleted there is nobody's.
            holder = None
        return {"is_theirs": holder == effect.body["agent_id"]}

    def on_done(self, uow: UnitOfWork, effect: Effect, result: dict[str, Any]) -> None:
        conversation = uow.session.get_one(Conversation, effect.body["conversation_id"])
        key = (conversation.account_id, effect.body["agent_id"])
        agent = uow.session.get(Agent, key)
        if agent is not None and result["is_theirs"]:
            _tell(uow, f"effect:{effect.id}", conversation, agent.email)


def _tell(uow: UnitOfWork, key: str, conversation: Conversation, email: str) -> None:
    person = uow.session.scalar(select(Staff).where(Staff.email == email, Staff.is_active))
    if person is not None:
        noticing.conversation_assigned(uow, key, conversation, person.id)


def _is_due(uow: UnitOfWork, account_id: int) -> bool:
    """The list is short, but a stranger among the assignees must not have it read for every one."""
    latest = uow.session.scalar(
        select(func.max(Agent.read_at)).where(Agent.account_id == account_id)
    )
    return latest is None or latest < uow.now - READ_AGAIN_AFTER


def _keep(uow: UnitOfWork, account_id: int, rows: list[dict[str, Any]]) -> None:
    """Who is not listed any more is nobody's agent."""
    found = {row["id"]: str(row.get("email") or "").strip().lower() for row in rows}
    kept = [
        {"account_id": account_id, "agent_id": number, "email": email, "read_at": uow.now}
        for number, email in sorted(found.items())
        if 0 < len(email) <= LONGEST_EMAIL
    ]
    uow.session.execute(
        delete(Agent).where(Agent.account_id == account_id, Agent.agent_id.not_in(found))
    )
    if kept:
        added = insert(Agent)
        news = {"email": added.excluded.email, "read_at": added.excluded.read_at}
        uow.session.execute(
            added.on_conflict_do_update(index_elements=["account_id", "agent_id"], set_=news), kept
        )
