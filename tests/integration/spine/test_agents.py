"""Who is told that a conversation is theirs: the person with the agent's e-mail, and nobody else."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import requests
from sqlalchemy import text

from chatwoot.agents import IS_NEWS_FOR, KNOWN_FOR, READ_AGAIN_AFTER
from chatwoot.models import Agent
from crm.core import clock
from crm.core.events import SYSTEM
from crm.notices import queries
from crm.notices.service import Reader
from crm.staff import roles
from crm.staff import service as staff
from tests import builders


@pytest.fixture
def people(mendline) -> dict[str, int]:
    """Two people at the shop; the addresses are those of agents in Chatwoot too."""
    with mendline.units() as uow:
        return {
            name: staff.create_staff(
                uow, SYSTEM, email=f"{name}@quay.example", name=name.title(), role=roles.TECHNICIAN
            ).id
            for name in ("mira", "tom")
        }


def _agent(mendline, name: str) -> int:
    """Agents outlast the customers of one test."""
    fields = {"name": name.title(), "email": f"{name}@quay.example", "role": "agent"}
    for one in mendline.account.account.items("agents"):
        if one["email"] == fields["email"]:
            return one["id"]
    return mendline.account.account.create("agents", fields)["id"]


def _assign(
    mendline, number: int, agent_id: int | None, *, settle: bool = True, **more: Any
) -> None:
    url = f"{mendline.sandbox.url}/api/v1/accounts/{mendline.account.account_id}"
    token = mendline.parts.settings.chatwoot.api_token
    requests.post(
        f"{url}/conversations/{number}/assignments", json={"assignee_id": agent_id} | more,
        headers={"Api-Access-Token": token}, timeout=10,
    ).raise_for_status()  # fmt: skip
    if settle:
        mendline.settle()
    else:
        assert mendline.courier.wait_until_idle(10)


def _told(mendline, staff_id: int) -> list[str]:
    with mendline.units() as uow:
        who = Reader(f"staff/{staff_id}", roles.TECHNICIAN, staff_id)
        return [one.kind for one in queries.listed(uow, who, limit=50).items]


def _age(mendline, by: timedelta) -> None:
    with mendline.units() as uow:
        uow.session.execute(text("UPDATE chatwoot_agents SET read_at = read_at - :by"), {"by": by})


def test_an_agent_hears_of_their_conversation_and_nobody_else(mendline, people):
    number = mendline.open_thread()
    _assign(mendline, number, _agent(mendline, "mira"))
    assert _told(mendline, people["mira"]) == ["ticket.assigned"]
    assert _told(mendline, people["tom"]) == []
    ((about, ticket, role),) = mendline.table(
        "SELECT about->>'ref', ticket_id, staff_id FROM notices WHERE kind = 'ticket.assigned'"
    )
    assert about.startswith("TKT-") and ticket and role == people["mira"]
    assert mendline.unfinished() == []


def test_each_handing_over_is_told_once_and_the_list_is_read_once(mendline, people):
    number = mendline.open_thread()
    mira, tom = _agent(mendline, "mira"), _agent(mendline, "tom")
    for agent in (mira, tom, mira, mira, None):
        _assign(mendline, number, agent)
    assert _told(mendline, people["mira"]) == ["ticket.assigned"] * 2
    assert _told(mendline, people["tom"]) == ["ticket.assigned"]
    assert mendline.count("outbox", "kind = 'chatwoot.agent'") == 1
    assert mendline.unfinished() == []


def test_an_agent_whom_nobody_here_is_troubles_nobody(mendline, people):
    number = mendline.open_thread()
    _assign(mendline, number, _agent(mendline, "mira"))
    stranger = _agent(mendline, "stranger")
    _assign(mendline, number, stranger)
    # The list was read a moment ago: it is not read again for each one it did not hold.
    assert mendline.count("chatwoot_agents", f"agent_id = {stranger}") == 0
    _age(mendline, READ_AGAIN_AFTER)
    _assign(mendline, number, None)
    _assign(mendline, number, stranger)
    assert mendline.count("chatwoot_agents", f"agent_id = {stranger}") == 1
    assert mendline.count("notices", "kind = 'ticket.assigned'") == 1


def test_another_address_is_learned_within_a_day(mendline, people):
    number = mendline.open_thread()
    mira = _agent(mendline, "mira")
    _assign(mendline, number, mira)
    with mendline.units() as uow:
        uow.session.execute(text("UPDATE chatwoot_agents SET email = 'tom@quay.example'"))
    _age(mendline, KNOWN_FOR + READ_AGAIN_AFTER)
    _assign(mendline, number, None)
    _assign(mendline, number, mira)
    assert _told(mendline, people["tom"]) == []
    assert _told(mendline, people["mira"]) == ["ticket.assigned"] * 2


def test_who_left_the_shop_hears_nothing(mendline, people):
    with mendline.units() as uow:
        staff.disable_staff(uow, SYSTEM, people["mira"])
    number = mendline.open_thread()
    _assign(mendline, number, _agent(mendline, "mira"))
    assert mendline.count("notices", "kind = 'ticket.assigned'") == 0


@pytest.mark.parametrize(
    ("ago", "status", "count"),
    [(timedelta(), "open", 1), (IS_NEWS_FOR * 2, "open", 0), (timedelta(), "resolved", 0)],
)
def test_a_conversation_may_begin_with_an_agent(mendline, people, ago, status, count):
    at = (clock.now() - ago).timestamp()
    body = builders.conversation(77, assignee="Mira", at=at, status=status)
    agent = {"account_id": mendline.account.account_id, "agent_id": 41, "read_at": clock.now()}
    with mendline.units() as uow:
        uow.session.add(Agent(email="mira@quay.example", **agent))
    mendline.hear("conversation_created", body)
    mendline.take_in()
    assert _told(mendline, people["mira"]) == ["ticket.assigned"] * count


def test_a_conversation_that_is_gone_is_nobodys(mendline, people):
    mendline.hear("conversation_created", builders.conversation(99_999, assignee="Mira"))
    mendline.settle()
    rows = mendline.table("SELECT state, result FROM outbox WHERE kind = 'chatwoot.agent'")
    assert [tuple(row) for row in rows] == [("done", {"is_theirs": False})]


def test_a_bot_is_no_agent(mendline):
    number = mendline.open_thread()
    bot = mendline.account.account.create("agent_bots", {"name": "Helper", "outgoing_url": ""})
    _assign(mendline, number, bot["id"], assignee_type="AgentBot")
    assert mendline.count("outbox", "kind = 'chatwoot.agent'") == 0
    assert mendline.count("events", "kind = 'ticket.conversation_assigned'") == 0


def test_a_chatwoot_that_stumbles_delays_the_news_only(mendline, people):
    number = mendline.open_thread()
    mira = _agent(mendline, "mira")
    _assign(mendline, number, mira, settle=False)
    mendline.faults.change({"api_status_next": [{"status": 503, "count": 3}]})
    try:
        mendline.settle()
    finally:
        mendline.faults.reset()
    mendline.hasten()
    mendline.settle()
    assert _told(mendline, people["mira"]) == ["ticket.assigned"]
    assert mendline.one("SELECT attempts FROM outbox WHERE kind = 'chatwoot.agent'") > 1
