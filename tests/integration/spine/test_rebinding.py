"""Agents say which repair is meant; mails that name one find their way to it."""

from __future__ import annotations

from crm.core.events import SYSTEM
from crm.customers import rules
from crm.staff import service as staff
from tests import builders
from tests.integration.spine.meanings import MAC, PHONE, bench, meant, says


def _command(mendline, number, words):
    before = len(mendline.notes(number))
    mendline.agent(number, words, private=True)
    mendline.settle()
    return mendline.notes(number)[before:]


def test_an_agent_rebinds_and_it_is_remembered(mendline):
    number, (mac, phone) = bench(mendline)
    says(mendline, number, "Is the MacBook ready?")
    (note,) = _command(mendline, number, f"!about {phone.lower()}")
    assert phone in note and "last message" in note
    assert meant(mendline)[-1] == ("Is the MacBook ready?", phone, "agent")
    says(mendline, number, "How much is it?")
    assert meant(mendline)[-1] == ("How much is it?", phone, "focus")
    says(mendline, number, "I mean the laptop")
    assert meant(mendline)[-1] == ("I mean the laptop", mac, "device")
    (note,) = _command(mendline, number, "!about none")
    assert "none of the repairs" in note
    says(mendline, number, "Do you sell cases?")
    assert meant(mendline)[-1] == ("Do you sell cases?", None, "focus")
    assert mendline.count("repair_questions") == 0


def _statuses(mendline) -> dict[str, str]:
    return dict(tuple(row) for row in mendline.table("SELECT ref, status FROM repairs"))


def test_a_command_goes_to_what_the_talk_is_about(mendline):
    number, (mac, phone) = bench(mendline)
    (note,) = _command(mendline, number, "!status testing")
    assert "not clear which" in note and _statuses(mendline) == {mac: "received", phone: "received"}
    _command(mendline, number, f"!about {mac}")
    (note,) = _command(mendline, number, "!status diagnosing")
    assert mac in note and _statuses(mendline) == {mac: "diagnosing", phone: "received"}
    (note,) = _command(mendline, number, f"!status {phone} testing")
    assert phone in note and _statuses(mendline) == {mac: "diagnosing", phone: "testing"}
    labels = ["repair-repairing", "repair-testing"]
    mendline.play("POST", f"/conversations/{number}/labels", labels=labels)
    mendline.settle()
    assert _statuses(mendline) == {mac: "repairing", phone: "testing"}
    _command(mendline, number, "!about none")
    (note,) = _command(mendline, number, "!status completed")
    assert "not clear which" in note


def test_what_the_customer_chose_counts_while_it_is_open(mendline):
    number, (mac, phone) = bench(mendline)
    says(mendline, number, "Is it ready?")
    says(mendline, number, "2")
    (row,) = [row for row in meant(mendline) if row[0] == "2"]
    assert row[1:] == (mac, "answer")
    (note,) = _command(mendline, number, "!status delivered")
    assert mac in note and _statuses(mendline) == {mac: "delivered", phone: "received"}
    (note,) = _command(mendline, number, "!status testing")
    assert phone in note and _statuses(mendline) == {mac: "delivered", phone: "testing"}


def test_no_repair_of_this_thread_is_moved_for_one_of_another(mendline):
    number, (here,) = bench(mendline, PHONE)
    owner = mendline.one("SELECT customer_id FROM conversations")
    with mendline.units() as uow:
        other = builders.repair(uow, owner, device=MAC).ref
    mendline.settle()
    with mendline.units() as uow:
        uow.session.connection().exec_driver_sql(
            "DELETE FROM ticket_repairs WHERE repair_id = (SELECT max(id) FROM repairs)"
        )
    _command(mendline, number, f"!about {other}")
    (note,) = _command(mendline, number, "!status testing")
    assert other in note and "not linked" in note
    assert _statuses(mendline) == {here: "received", other: "received"}


def test_a_rebinding_that_names_nothing_known_changes_nothing(mendline):
    number, _ = bench(mendline)
    for rest in ("", "x" * 5000, "<script>", "RPR-2611-XXXXX", "{{7*7}}"):
        (note,) = _command(mendline, number, f"!about {rest}")
        assert note and mendline.count("repair_focuses") == 0


def test_the_api_shows_what_wasmeant(mendline):
    number, (mac, _) = bench(mendline)
    says(mendline, number, "Is the MacBook ready?")
    with mendline.units() as uow:
        key = staff.create_key(uow, mendline.parts.seal, SYSTEM, name="desk", role="desk")
    ref = mendline.one("SELECT ref FROM tickets")
    answer = mendline.http.get(
        f"/api/v1/tickets/{ref}/messages", headers={"Authorization": f"Bearer {key.key}"}
    )
    last = [one for one in answer.json["data"] if one["author_kind"] == "customer"][-1]
    assert (last["repair"], last["meant_by"]) == (mac, "device")


def _mail(mendline, number, words, sender, contact, **headers):
    talk = builders.conversation(
        number, sender=builders.contact(contact, email=sender), channel="Channel::Email"
    )
    email = {"from": [sender], "subject": "Re: repair"} | headers
    body = builders.message(
        talk, words, content_type="incoming_email", content_attributes={"email": email}
    )
    mendline.hear("message_created", body)
    mendline.take_in()
    return mendline.one("SELECT max(ticket_id) FROM conversations")


def _linked(mendline, ticket):
    return mendline.column(
        "SELECT r.ref FROM repairs r JOIN ticket_repairs t ON t.repair_id = r.id"
        " WHERE t.ticket_id = :ticket", ticket=ticket,
    )  # fmt: skip


def test_a_mail_from_the_customers_own_address_is_linked(mendline):
    with mendline.units() as uow:
        owner = builders.customer(
            uow, rules.email_key("ilse@example.com", proven=True), email="ilse@example.com"
        )
        repair = builders.repair(uow, owner.id, device=MAC)
        ref = repair.ref
    with mendline.units() as uow:
        uow.session.connection().exec_driver_sql(
            "UPDATE notifications SET external_id = '<abc@quay.example>', channel = 'mail'"
        )
    ticket = _mail(mendline, 901, "When?", "Ilse@example.com", 801, in_reply_to="abc@quay.example")
    assert _linked(mendline, ticket) == [ref]
    assert meant(mendline) == [("When?", ref, "quoted")]
    ticket = _mail(
        mendline, 902, "When?", "ilse@example.com", 802, subject=f"Re: Your repair {ref}"
    )
    assert _linked(mendline, ticket) == [ref]
    assert meant(mendline)[-1] == ("When?", ref, "subject")
    ticket = _mail(mendline, 903, f"{ref}?", "mallory@example.com", 803)
    assert _linked(mendline, ticket) == []
    assert meant(mendline)[-1] == (f"{ref}?", None, None)
    notes = mendline.column(
        "SELECT body->>'content' FROM outbox WHERE kind = 'chatwoot.note' AND lane LIKE '%:903:%'"
    )
    assert len(notes) == 1 and f"!link {ref}" in notes[0]


def test_hostile_mail_headers_are_only_text(mendline):
    number, _ = bench(mendline)
    for email in (
        {"in_reply_to": 7}, {"references": ["<x>"] * 500, "subject": "\x00" * 900}, "no mail", ["x"],
        {"subject": {"a": 1}, "from": [None]}, {"from": "@" * 9999}, {"in_reply_to": "{{7*7}}"},
    ):  # fmt: skip
        attributes = {"email": email, "in_reply_to": {"a": 2}}
        talk = builders.conversation(number, channel="Channel::Email")
        body = builders.message(talk, "Is it ready?", content_attributes=attributes)
        mendline.hear("message_created", body)
    mendline.take_in()
    assert mendline.count("inbox", "state = 'dead'") == 0
