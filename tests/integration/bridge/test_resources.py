"""Customers, tickets and repairs through the API, with the rules of their services."""

import pytest
from sqlalchemy import text

from crm.core.events import SYSTEM
from crm.customers.rules import Key
from crm.customers.service import Person, recognise
from crm.tickets import mirror
from crm.tickets.mirror import Seen

ANA = {"name": "Ana Silva", "email": "ana@mail.example", "phone": "+5511987654321"}


@pytest.fixture
def desk(as_role):
    return as_role("desk")


@pytest.fixture
def till(as_role):
    return as_role("shop")


@pytest.fixture
def thread(units) -> str:
    """The reference of a ticket bound to conversation 42 of account 1, contact 7."""
    with units() as uow:
        person = Person("Web visitor", keys=(Key("chatwoot_contact", "1:7", True),))
        customer = recognise(uow, person, SYSTEM)
        mirror.lock(uow, 1, 42)
        seen = Seen(
            1, 42, 3, 7, "Channel::WebWidget", "open", True, False, None, None, (), None, None
        )
        bound = mirror.open_conversation(uow, seen, customer.id, "Cracked screen")
        ticket_id = bound.ticket_id
    with units() as uow:
        return uow.session.execute(
            text("SELECT ref FROM tickets WHERE id = :id"), {"id": ticket_id}
        ).scalar_one()


def test_customers_are_found_by_every_key(desk, thread):
    ana = desk("POST", "/api/v1/customers", json=ANA).json
    assert ana["ref"].startswith("CUS-")

    def found(query: str) -> list[str]:
        return [one["ref"] for one in desk("GET", f"/api/v1/customers?{query}").json["data"]]

    for query in ("q=silv", "q=" + ana["ref"].lower(), "email=ANA@mail.example",
                  "phone=%2B5511987654321", "phone=%2B551187654321"):  # fmt: skip
        assert found(query) == [ana["ref"]], query
    assert len(found("chatwoot_contact_id=7")) == 1 and ana["ref"] not in found(
        "chatwoot_contact_id=7"
    )
    assert found("q=%25") == found("email=x@y.zz") == found("chatwoot_contact_id=8") == []


def test_a_proven_key_belongs_to_one_customer(desk):
    desk("POST", "/api/v1/customers", json=ANA)
    again = desk("POST", "/api/v1/customers", json={"name": "B", "email": ANA["email"]})
    assert (again.status_code, again.json["code"]) == (409, "customer-exists")
    other = desk("POST", "/api/v1/customers", json={"name": "B"}).json
    taken = desk("PATCH", f"/api/v1/customers/{other['ref']}", json={"email": ANA["email"]})
    assert (taken.status_code, taken.json["code"]) == (409, "key-taken")
    named = desk("PATCH", f"/api/v1/customers/{other['ref']}", json={"name": "Bea", "email": None})
    assert (named.json["name"], named.json["email"]) == ("Bea", None)


@pytest.mark.parametrize(
    "change",
    [{}, {"phone": "12"}, {"email": "nobody"}, {"email": "a@b.example\n"}, {"name": ""},
     {"name": None}, {"name": " \r\n "}, {"ref": "CUS-1"}, {"locale": "x" * 13},
     {"locale": "de"}, {"locale": "english"}, {"locale": "<script>"}, {"locale": "pt-"}],
)  # fmt: skip
def test_bad_changes_are_422(desk, change):
    ref = desk("POST", "/api/v1/customers", json=ANA).json["ref"]
    assert desk("PATCH", f"/api/v1/customers/{ref}", json=change).status_code == 422


def test_a_name_is_one_line_and_a_language_one_of_ours(desk):
    made = desk(
        "POST", "/api/v1/customers", json={"name": " Ana\r\nPay here:\u2028x\t ", "locale": "pt-BR"}
    )
    assert (made.json["name"], made.json["locale"]) == ("Ana Pay here: x", "pt-BR")
    refused = desk("POST", "/api/v1/customers", json={"name": "Ana", "locale": "de"})
    assert refused.status_code == 422 and "Give one of en, pt" in refused.text


def test_merging_and_parting(desk):
    ana = desk("POST", "/api/v1/customers", json=ANA).json["ref"]
    twin = desk("POST", "/api/v1/customers", json={"name": "A. Silva"}).json["ref"]
    merge = desk("POST", f"/api/v1/customers/{ana}/merge", json={"merge": twin})
    assert merge.status_code == 201 and merge.json["kept"] == ana
    assert desk("GET", f"/api/v1/customers/{twin}").json["ref"] == ana
    undo = f"/api/v1/customers/merges/{merge.json['id']}/undo"
    assert desk("POST", undo).json["undone_at"]
    assert desk("GET", f"/api/v1/customers/{twin}").json["ref"] == twin
    assert desk("POST", undo).status_code == 409
    self_merge = desk("POST", f"/api/v1/customers/{ana}/merge", json={"merge": ana})
    assert self_merge.json["code"] == "same-customer"


def test_a_ticket_is_found_by_its_conversation(make_app, desk, thread):
    (ticket,) = desk("GET", "/api/v1/tickets?conversation_id=42").json["data"]
    assert ticket["ref"] == thread
    (conversation,) = ticket["conversations"]
    assert (conversation["account_id"], conversation["id"]) == (1, 42)
    assert desk("GET", "/api/v1/tickets?conversation_id=43").json["data"] == []
    client = make_app(
        CHATWOOT_URL="http://chat.example", CHATWOOT_API_TOKEN="tok-1234567890"
    ).test_client()
    shown = client.get(
        f"/api/v1/tickets/{thread}", headers={"Authorization": f"Bearer {desk.token}"}
    )
    assert (
        shown.json["conversations"][0]["url"]
        == "http://chat.example/app/accounts/1/conversations/42"
    )


def test_a_ticket_is_worked_on(desk):
    ana = desk("POST", "/api/v1/customers", json=ANA).json["ref"]
    made = desk("POST", "/api/v1/tickets", json={"customer": ana, "subject": "Screen"}).json
    assert (made["status"], made["priority"], made["source"]) == ("open", "medium", "api")
    at = f"/api/v1/tickets/{made['ref']}"
    assert desk("PUT", f"{at}/status", json={"status": "resolved"}).json["resolved_at"]
    assert desk("PUT", f"{at}/assign", json={"assignee": "Kim"}).json["assignee"] == "Kim"
    assert desk("PUT", f"{at}/assign", json={"assignee": None}).json["assignee"] is None
    assert desk("PUT", f"{at}/priority", json={"priority": "urgent"}).json["priority"] == "urgent"
    assert desk("PUT", f"{at}/rating", json={"rating": 5}).json["rating"] == 5
    for tail, bad in (
        ("status", {"status": "x"}),
        ("rating", {"rating": 6}),
        ("rating", {"rating": True}),
        ("assign", {}),
        ("priority", {"priority": None}),
    ):
        assert desk("PUT", f"{at}/{tail}", json=bad).status_code == 422
    for body in ("one", "two"):
        assert (
            desk("POST", f"{at}/messages", json={"body": body, "private": True}).status_code == 201
        )
    thread = desk("GET", f"{at}/messages?limit=1").json
    cursor = thread["meta"]["next_cursor"]
    rest = desk("GET", f"{at}/messages?cursor={cursor}").json
    assert [one["body"] for one in thread["data"] + rest["data"]] == ["one", "two"]
    assert rest["meta"]["next_cursor"] is None
    (found,) = desk("GET", f"/api/v1/tickets?status=resolved&customer={ana}").json["data"]
    assert found["ref"] == made["ref"]


def test_a_repair_moves_and_its_history_tells(desk, till):
    made = till(
        "POST", "/api/v1/repairs", json={"external_id": "J-1", "device": "Pixel", "customer": ANA}
    )
    assert made.status_code == 201 and made.json["customer"].startswith("CUS-")
    at = f"/api/v1/repairs/{made.json['ref']}"
    assert "/track/" in made.json["tracking_url"]
    moved = till(
        "POST", f"{at}/updates", json={"status": "repairing", "version": 3, "note": "soon"}
    )
    assert (moved.status_code, moved.json["outcome"]) == (201, "moved")
    late = till("POST", f"{at}/updates", json={"status": "diagnosing", "version": 2})
    assert late.json["outcome"] == "late" and late.json["repair"]["status"] == "repairing"
    back = desk("POST", f"{at}/updates", json={"status": "received"})
    assert (back.status_code, back.json["code"]) == (409, "reason-needed")
    history = desk("GET", f"{at}/history").json["data"]
    assert [entry["outcome"] for entry in history] == ["created", "moved", "late"]
    changed = desk("PATCH", at, json={"flags": ["on_hold"], "estimate_minor": 4500})
    assert (changed.json["flags"], changed.json["estimate_minor"]) == (["on_hold"], 4500)
    (found,) = desk("GET", "/api/v1/repairs?flag=on_hold&status=repairing").json["data"]
    assert found["ref"] == made.json["ref"]
    again = till("POST", "/api/v1/repairs", json={"external_id": "J-1"})
    assert (again.status_code, again.json["code"]) == (409, "external-id-taken")


def test_an_update_with_one_key_is_one_entry(desk, till):
    ref = till("POST", "/api/v1/repairs", json={"device": "Pixel"}).json["ref"]
    headers = {"Idempotency-Key": "u-1"}
    body = {"status": "testing"}
    first = till("POST", f"/api/v1/repairs/{ref}/updates", headers, json=body)
    again = till("POST", f"/api/v1/repairs/{ref}/updates", headers, json=body)
    assert first.json == again.json and again.headers["Idempotency-Replayed"] == "true"
    assert len(desk("GET", f"/api/v1/repairs/{ref}/history").json["data"]) == 2


def test_another_shops_repair_is_not_there(as_role, till, desk):
    ref = till("POST", "/api/v1/repairs", json={"external_id": "J-1"}).json["ref"]
    other = as_role("shop")
    at = f"/api/v1/repairs/{ref}"
    assert other("GET", at).status_code == other("GET", f"{at}/history").status_code == 404
    assert other("POST", f"{at}/updates", json={"status": "testing"}).status_code == 404
    assert other("PATCH", at, json={"flags": []}).status_code == 404
    assert other("GET", "/api/v1/repairs").json["data"] == []
    assert till("GET", at).status_code == desk("GET", at).status_code == 200
    mine = other("POST", "/api/v1/repairs", json={"external_id": "J-1"})
    assert mine.status_code == 201


def test_a_repair_joins_the_thread_it_is_talked_about_in(till, thread):
    for where in ({"ticket": thread}, {"conversation_id": 42}):
        made = till("POST", "/api/v1/repairs", json={"device": "Pixel", **where})
        assert made.status_code == 201 and made.json["tickets"] == [thread]
    for where in ({"ticket": "TKT-999999"}, {"conversation_id": 43}):
        assert till("POST", "/api/v1/repairs", json=where).status_code == 404


def test_repairs_join_and_leave_tickets(desk, thread):
    ref = desk("POST", "/api/v1/repairs", json={"device": "Pixel"}).json["ref"]
    at = f"/api/v1/tickets/{thread}/repairs"
    linked = desk("POST", at, json={"repair": ref})
    assert linked.status_code == 201 and linked.json["tickets"] == [thread]
    assert [one["ref"] for one in desk("GET", at).json["data"]] == [ref]
    assert desk("DELETE", f"{at}/{ref}").status_code == 204
    assert desk("GET", at).json["data"] == []
    assert desk("POST", at, json={"repair": "RPR-0000-00000"}).status_code == 404


def test_the_context_of_a_customer(desk):
    ana = desk("POST", "/api/v1/customers", json=ANA).json["ref"]
    repair = desk("POST", "/api/v1/repairs", json={"customer_ref": ana, "device": "Pixel"}).json
    ticket = desk("POST", "/api/v1/tickets", json={"customer": ana, "subject": "Hello"}).json
    context = desk("GET", f"/api/v1/customers/{ana}/context").json
    assert context["customer"]["name"] == "Ana Silva"
    assert [one["ref"] for one in context["repairs"]] == [repair["ref"]]
    assert [one["ref"] for one in context["tickets"]] == [ticket["ref"]]
    assert (
        context["notifications"]
        == desk("GET", f"/api/v1/notifications?customer={ana}").json["data"]
    )
