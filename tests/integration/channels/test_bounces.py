"""Mail that comes back: who is believed, what is learned, and which channel goes on."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
import responses
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from sqlalchemy import create_engine, update

from bridge.integrations.mail.fetching import MOST_A_ROUND, Round, mail_box
from bridge.integrations.mail.messages import message_id, read_sender
from crm.core.errors import Denied, Temporary
from crm.core.events import SYSTEM
from crm.core.uow import Units
from crm.customers import service as customers
from crm.mailboxes import service as mailboxes
from crm.privacy import erasing
from crm.tickets import service as tickets
from crm.tickets.models import Conversation
from tests.integration.channels.conftest import Channels
from tests.integration.channels.line import ENVIRON, PHONE, asked, taken
from tests.reports import report
from tests.standins import imap
from tests.standins.imap import MailRoom

TO, DOMAIN = "ilse@example.org", "quay.example"
GONE = "permanent: the mail came back: no such mailbox (5.1.1)"


@pytest.fixture
def room() -> Iterator[MailRoom]:
    with imap.opened() as room:
        yield room


@pytest.fixture
def environ(room: MailRoom) -> dict[str, str]:
    return ENVIRON | {"BOUNCE_IMAP_URL": room.url}


@pytest.fixture
def twilio() -> Iterator[Any]:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as line:
        taken(line)
        yield line


def fetch(channels: Channels) -> None:
    """One round of the schedule, and what it causes."""
    (duty,) = [one for one in channels.shop.parts.schedules() if one.name == "mail.bounces"]
    duty.run()
    work(channels)


def work(channels: Channels) -> None:
    due = [row[0] for row in channels.shop.rows("SELECT id FROM inbox WHERE state = 'pending'")]
    channels.shop.parts.rows().work(due, [])
    channels.settle()


def mailed(channels: Channels, email: str = TO, **fields: str) -> str:
    """A message went out by mail; its Message-ID."""
    channels.repair(channels.customer(email=email, **fields))
    channels.settle()
    assert channels.log()[-1][1:] == ("mail", "sent")
    return channels.post.mails[-1]["Message-ID"]


def known(channels: Channels) -> list[tuple]:
    return [tuple(row) for row in channels.shop.rows("SELECT state, reason FROM mailboxes")]


def obstacle(channels: Channels, address: str = TO) -> str | None:
    with channels.shop.parts.units() as uow:
        return mailboxes.obstacle(uow, address)


def test_it_goes_by_sms_instead_and_mail_is_not_tried_again(
    channels: Channels, room: MailRoom, twilio
):
    message_id = mailed(channels, phone=PHONE)
    room.put(report(message_id, TO))
    fetch(channels)
    columns = "channel, state, refusals"
    assert channels.log(columns) == [("sms", "sent", {"mail": GONE})]
    assert len(asked(twilio)) == 1
    assert obstacle(channels) == "the address takes no mail: no such mailbox (5.1.1)"
    channels.repair(channels.customer(email=TO, phone=PHONE))
    channels.settle()
    assert len(channels.post.mails) == 1
    ((_, _, refusals),) = channels.log(columns)[1:]
    assert refusals == {"mail": "the address takes no mail: no such mailbox (5.1.1)"}


def test_read_twice_it_counts_once(channels: Channels, room: MailRoom, twilio):
    room.put(report(mailed(channels, phone=PHONE), TO))
    for _ in range(3):
        fetch(channels)
        room.seen.clear()
    assert channels.shop.rows("SELECT count(*) FROM inbox WHERE source = 'mail'") == [(1,)]
    assert len(asked(twilio)) == 1


def test_the_line_breaks_before_it_is_marked(channels: Channels, room: MailRoom, twilio):
    room.put(report(mailed(channels, phone=PHONE), TO))
    room.breaks_at = "UID STORE"
    with pytest.raises(Temporary):
        fetch(channels)
    assert room.seen == set()
    room.breaks_at = ""
    fetch(channels)
    assert room.seen == {1} and len(asked(twilio)) == 1


def test_nothing_is_marked_before_the_commit(room: MailRoom):
    room.put(report(f"<abc@{DOMAIN}>", TO))
    nowhere = Units(create_engine("postgresql+psycopg://nobody@127.0.0.1:9/none"), {}, print)
    with pytest.raises(Exception, match="connection"):
        Round(mail_box(room.url, 2), nowhere, DOMAIN).run()
    assert room.seen == set() and "UID STORE" not in room.asked


@pytest.mark.parametrize(
    ("status", "is_marked"),
    [("5.1.1", True), ("5.2.2", False), ("5.7.1", False), ("4.4.7", False), ("", False)],
)
def test_only_faults_of_the_address_mark_it(
    channels: Channels, room: MailRoom, twilio, status: str, is_marked: bool
):
    """The message failed all the same: the next channel brings it."""
    room.put(report(mailed(channels, phone=PHONE), TO, status=status))
    fetch(channels)
    assert bool(known(channels)) is is_marked
    assert channels.log("channel, state") == [("sms", "sent")]


def test_a_delay_is_no_failure(channels: Channels, room: MailRoom):
    room.put(report(mailed(channels), TO, action="delayed", status="4.4.1"))
    fetch(channels)
    assert channels.log() == [("repair_received", "mail", "sent")]
    assert room.seen == {1} and known(channels) == []


def test_one_that_comes_back_days_later_is_no_news_any_more(
    channels: Channels, room: MailRoom, twilio
):
    room.put(report(mailed(channels, phone=PHONE), TO))
    channels.write("UPDATE notifications SET settled_at = settled_at - interval '2 days'")
    fetch(channels)
    reason = "late: the mail came back: no such mailbox (5.1.1)"
    assert channels.log("channel, state, reason") == [("mail", "failed", reason)]
    assert len(asked(twilio)) == 0 and obstacle(channels)


@pytest.mark.parametrize("kind", ["headers", "names"])
def test_a_report_without_the_whole_mail(channels: Channels, room: MailRoom, twilio, kind: str):
    room.put(report(mailed(channels, phone=PHONE), TO, kind=kind))
    fetch(channels)
    assert channels.log("channel, state") == [("sms", "sent")]


def test_a_forged_report_does_nothing(channels: Channels, room: MailRoom, twilio):
    message_id = mailed(channels, phone=PHONE)
    room.put(report(message_id, "somebody.else@example.org"))
    room.put(report(f"<{'0' * 32}@{DOMAIN}>", TO))
    room.put(report(message_id.replace(DOMAIN, "evil.example"), TO))
    room.put(report(message_id.replace("@", "%@"), TO))
    fetch(channels)
    assert channels.log() == [("repair_received", "mail", "sent")]
    assert known(channels) == [] and len(asked(twilio)) == 0
    assert room.seen == {1, 2, 3, 4}


def test_the_name_of_a_mail_cannot_be_guessed(channels: Channels):
    """The key of an effect is made of small numbers."""
    named = mailed(channels)
    ((event_key, external_id),) = channels.log("event_key, external_id")
    assert named == external_id != message_id(event_key, read_sender(f"desk@{DOMAIN}"))


def test_a_mail_in_doubt_that_comes_back_is_not_sent_again(
    channels: Channels, room: MailRoom, twilio
):
    channels.post.drops = True
    channels.repair(channels.customer(email=TO, phone=PHONE))
    channels.settle()
    channels.post.behave()
    (mail,) = channels.post.mails
    room.put(report(mail["Message-ID"], TO))
    fetch(channels)
    channels.settle(3)
    assert len(channels.post.mails) == 1
    assert channels.log("channel, state") == [("sms", "sent")]


def test_one_that_comes_back_while_it_is_sent_waits(channels: Channels, room: MailRoom, twilio):
    room.put(report(mailed(channels, phone=PHONE), TO))
    channels.write(
        "UPDATE outbox SET state = 'sending', lease_until = clock_timestamp() + interval '1 h'"
    )
    fetch(channels)
    ((state, reason),) = channels.shop.rows("SELECT state, reason FROM inbox WHERE source = 'mail'")
    assert state == "pending" and reason.startswith("temporary: it came back before")
    channels.write("UPDATE outbox SET state = 'done', lease_until = NULL")
    work_again(channels)
    assert channels.log("channel, state") == [("sms", "sent")]


def work_again(channels: Channels) -> None:
    channels.write("UPDATE inbox SET due_at = clock_timestamp()")
    work(channels)


def test_a_refusal_at_the_door_marks_the_address_too(channels: Channels, twilio):
    channels.post.at_rcpt = "550 5.1.1 no such user"
    channels.repair(channels.customer(email=TO, phone=PHONE))
    channels.settle()
    assert channels.log("channel, state") == [("sms", "sent")]
    assert known(channels) == [("undeliverable", "no such mailbox (5.1.1)")]


def test_other_refusals_do_not(channels: Channels):
    answers = (
        "550 no such user", "550 5.7.1 spam", "552 5.2.2 full", "552 5.3.4 too big",
        "450 5.1.1 later", "550 mx 185.1.1.1 is listed", "550 5.1.1.1 what",
    )  # fmt: skip
    customer = channels.customer(email=TO)
    for answer in answers:
        channels.post.at_rcpt = answer
        channels.repair(customer)
        channels.settle()
    assert channels.post.mails == [] and len(channels.effects()) == len(answers)
    assert known(channels) == []


def test_what_was_held_while_the_address_died_is_not_sent(channels: Channels):
    channels.repair(channels.customer(email=TO))
    with channels.shop.parts.units() as uow:
        mailboxes.unreachable(uow, TO, "no such mailbox (5.1.1)")
    channels.settle()
    assert channels.post.mails == []
    assert channels.log("state") == [("failed",)]


def test_a_code_is_still_sent_and_proves_the_address_again(channels: Channels):
    with channels.shop.parts.units() as uow:
        mailboxes.unreachable(uow, " ILSE@example.org", "no such mailbox (5.1.1)")
    made = channels.shop.book(None)
    code = channels.shop.code()
    channels.settle()
    assert len(channels.post.mails) == 1 and obstacle(channels)
    path = f"/bookings/{made['token']}/confirm"
    assert channels.shop.call("POST", path, json={"code": code}).json["status"] == "confirmed"
    assert known(channels) == [("ok", "they proved it by a code")]
    channels.settle()
    assert len(channels.post.mails) == 2


def test_staff_enter_the_address_again(channels: Channels):
    ref = channels.customer(email=TO)
    with channels.shop.parts.units() as uow:
        mailboxes.unreachable(uow, TO, "no such mailbox (5.1.1)")
    context = channels.shop.call("GET", f"/customers/{ref}/context", "desk").json
    ((told),) = context["unreachable"]
    assert (told["channel"], told["reason"]) == ("mail", "no such mailbox (5.1.1)")
    answer = channels.shop.call("PATCH", f"/customers/{ref}", "desk", json={"email": TO})
    assert answer.status_code == 200, answer.text
    assert obstacle(channels) is None
    assert channels.shop.call("GET", f"/customers/{ref}/context", "desk").json["unreachable"] == []


def test_somebody_who_writes_an_e_mail_can_get_one(channels: Channels):
    ref = channels.customer(email=TO)
    with channels.shop.parts.units() as uow:
        mailboxes.unreachable(uow, TO, "no such mailbox (5.1.1)")
        customer_id = customers.by_ref(uow, ref).id
        ticket = tickets.open_ticket(uow, customer_id, "Hello", source="chatwoot", actor=SYSTEM)
        uow.session.add(Conversation(
            account_id=1, number=1, ticket_id=ticket.id, status="open", customer_id=customer_id,
            last_activity_at=uow.now, created_at=uow.now,
        ))  # fmt: skip
    told = (
        ("Email", "agent", False),
        ("WebWidget", "customer", False),
        ("Email", "customer", True),
    )
    for kind, author, is_heard in told:
        with channels.shop.parts.units() as uow:
            uow.session.execute(update(Conversation).values(channel=f"Channel::{kind}"))
            said = tickets.add_message(
                uow, ticket.ref, "Hi", author_kind=author, private=False, actor=SYSTEM
            )
            said.conversation_id = 1
        assert (obstacle(channels) is None) is is_heard


def test_nothing_of_an_erased_person_is_kept(channels: Channels, room: MailRoom, twilio):
    ref = channels.customer(email=TO)
    with channels.shop.parts.units() as uow:
        mailboxes.unreachable(uow, TO, "no such mailbox (5.1.1)")
    with channels.shop.parts.units() as uow:
        erasing.erase(uow, ref, SYSTEM)
    assert known(channels) == []


def test_a_report_about_an_erased_person_does_nothing(channels: Channels, room: MailRoom):
    room.put(report(mailed(channels), TO))
    channels.write("DELETE FROM notifications")
    fetch(channels)
    assert known(channels) == []
    assert channels.shop.rows("SELECT state FROM inbox WHERE source = 'mail'") == [("done",)]


def test_a_round_has_an_end_and_skips_what_is_no_report(channels: Channels, room: MailRoom):
    for number in range(MOST_A_ROUND + 5):
        room.put(b"Subject: hello\r\n\r\n" + b"x" * number)
    fetch(channels)
    assert len(room.seen) == MOST_A_ROUND
    fetch(channels)
    assert len(room.seen) == MOST_A_ROUND + 5
    assert channels.shop.rows("SELECT count(*) FROM inbox WHERE source = 'mail'") == [(0,)]


def test_the_older_way_to_sign_in(channels: Channels, room: MailRoom):
    room.has_login = True
    fetch(channels)
    assert "LOGIN" in room.asked


@pytest.mark.parametrize("has_login", [False, True])
def test_a_wrong_password(room: MailRoom, has_login: bool):
    room.has_login = has_login
    url = room.url.replace("cret", "wrong")
    with pytest.raises(Denied) as refused:
        Round(mail_box(url, 2), None, DOMAIN).run()
    assert "wrong" not in str(refused.value) and "wrong" not in repr(mail_box(url, 2))


def test_a_mailbox_that_will_not(channels: Channels, room: MailRoom):
    room.put(report(mailed(channels), TO))
    for verb in ("SELECT", "UID SEARCH", "UID FETCH", "UID STORE"):
        for fault in ("refuses", "breaks_at"):
            setattr(room, fault, verb)
            with pytest.raises(Temporary):
                fetch(channels)
            assert room.seen == set()
            setattr(room, fault, "")
    fetch(channels)
    assert room.seen == {1}


def test_nobody_listens():
    with pytest.raises(Temporary):
        Round(mail_box("imaps://u:p@127.0.0.1:9", 1), None, DOMAIN).run()


def test_the_password_is_not_sent_in_the_clear():
    with pytest.raises(Temporary):
        Round(mail_box("imap://u:p@mail.invalid", 1), None, DOMAIN).run()


@pytest.mark.parametrize("is_trusted", [True, False])
def test_over_tls_and_only_with_a_certificate_somebody_vouches_for(
    channels: Channels, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_trusted: bool
):
    context, pem = own_certificate(tmp_path)
    if is_trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(pem))
    with imap.opened(context) as room:
        room.put(b"Subject: hello\r\n\r\n")
        box = mail_box(room.url.replace("imap://", "imaps://"), 5)
        fetching = Round(box, channels.shop.parts.units, DOMAIN)
        if is_trusted:
            assert fetching.run() == 0
        else:
            with pytest.raises(Temporary):
                fetching.run()
        assert bool(room.seen) is is_trusted


def own_certificate(folder: Path) -> tuple[ssl.SSLContext, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    here = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(1).not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1)).add_extension(here, critical=False)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    pem = folder / "own.pem"
    plain = serialization.NoEncryption()
    secret = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    pem.write_bytes(secret + made.public_bytes(serialization.Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    return context, pem
