"""Who is who: proven keys join, claims only suggest, and a merge can be undone."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import text

from crm.core.errors import Conflict
from crm.customers import merging
from crm.customers import service as customers
from crm.customers.rules import email_key, phone_key
from tests import builders
from tests.builders import STAFF
from tests.faults.harness import eventually


def _write(mendline, sender, *, number=None, **conversation):
    thread = builders.conversation(number, sender=sender, **conversation)
    mendline.hear("message_created", builders.message(thread))
    mendline.take_in()
    return thread["id"]


def _customer_of(mendline, number):
    return mendline.one("SELECT customer_id FROM conversations WHERE number = :n", n=number)


def _known(mendline, *keys, **fields):
    with mendline.units() as uow:
        known = builders.customer(uow, *keys, **fields)
        return known.id, known.ref


def test_a_reference_that_is_taken_is_drawn_again(mendline, monkeypatch):
    drawn = iter("AAAA" + "AAAA" + "BBBB")
    monkeypatch.setattr("secrets.choice", lambda _: next(drawn))
    _, first = _known(mendline, name="Ilse")
    _, second = _known(mendline, name="Otto")
    assert first[9:13] == "AAAA" and second[9:13] == "BBBB"


def test_a_typed_address_opens_nobodys_file(mendline):
    known, _ = _known(
        mendline, email_key("ilse@example.org", proven=True), email="ilse@example.org"
    )
    thread = _write(mendline, builders.contact(email="Ilse@Example.org"))
    stranger = _customer_of(mendline, thread)
    assert stranger != known
    rows = mendline.table("SELECT customer_id, other_id, reason, state FROM merge_suggestions")
    assert rows == [(known, stranger, "same email", "open")]
    _write(mendline, builders.contact(email="ilse@example.org"))
    assert mendline.count("customers") == 3
    assert mendline.count("merge_suggestions") == 3


def test_our_own_reference_counts_only_when_proven(mendline):
    known, ref = _known(mendline)
    claimed = _write(mendline, builders.contact(identifier=ref))
    assert _customer_of(mendline, claimed) != known
    proven = _write(mendline, builders.contact(identifier=ref.lower()), verified=True)
    assert _customer_of(mendline, proven) == known
    foreign = _write(mendline, builders.contact(identifier="CUS-0000-00000"), verified=True)
    assert _customer_of(mendline, foreign) != known


def test_a_visitor_who_signs_in_takes_the_thread_along(mendline):
    known, ref = _known(mendline)
    visitor = builders.contact(640, name="calm-river-12")
    number = _write(mendline, visitor)
    assert _customer_of(mendline, number) != known
    _write(mendline, visitor | {"identifier": ref}, number=number, verified=True)
    assert _customer_of(mendline, number) == known
    assert mendline.one("SELECT customer_id FROM tickets") == known
    assert mendline.count("tickets") == 1


@pytest.mark.parametrize("channel", ["Channel::Whatsapp", "Channel::TwilioSms", "Channel::Sms"])
def test_a_channel_proves_the_number_it_delivered_from(mendline, channel):
    """In Brazil the ninth digit comes and goes."""
    known, _ = _known(mendline, phone_key("+5511987654321", proven=True), phone="+5511987654321")
    typed = _write(mendline, builders.contact(phone_number="+551187654321"))
    assert _customer_of(mendline, typed) != known
    delivered = _write(mendline, builders.contact(phone_number="+551187654321"), channel=channel)
    assert _customer_of(mendline, delivered) == known


def test_a_contact_keeps_its_customer(mendline):
    first = _write(mendline, builders.contact(650))
    second = _write(mendline, builders.contact(650))
    assert _customer_of(mendline, first) == _customer_of(mendline, second)
    assert mendline.count("tickets") == 2


def test_a_merge_moves_everything_and_can_be_undone(mendline):
    kept, kept_ref = _known(
        mendline, email_key("i@example.org", proven=True), email="i@example.org"
    )
    number = _write(mendline, builders.contact(660, name="Bo Chen", phone_number="+447700900123"))
    merged = _customer_of(mendline, number)
    merged_ref = mendline.one("SELECT ref FROM customers WHERE id = :id", id=merged)
    with mendline.units() as uow:
        builders.repair(uow, merged)
    with mendline.units() as uow:
        journal = merging.merge(uow, kept_ref, merged_ref, STAFF).id
    for table in ("tickets", "conversations", "repairs"):
        assert set(mendline.column(f"SELECT customer_id FROM {table}")) == {kept}
    with mendline.units() as uow:
        assert customers.by_ref(uow, merged_ref).id == kept
        assert customers.by_ref(uow, kept_ref).phone == "+447700900123"
    again = _write(mendline, builders.contact(660, name="Bo Chen"))
    assert _customer_of(mendline, again) == kept
    with mendline.units() as uow, pytest.raises(Conflict):
        merging.merge(uow, kept_ref, merged_ref, STAFF)

    with mendline.units() as uow:
        merging.undo(uow, journal, STAFF)
    for table in ("tickets", "repairs"):
        owners = mendline.column(f"SELECT customer_id FROM {table} ORDER BY id")
        assert owners[0] == merged
    with mendline.units() as uow:
        assert customers.by_ref(uow, merged_ref).id == merged
        assert customers.by_ref(uow, kept_ref).phone is None
    with mendline.units() as uow, pytest.raises(Conflict):
        merging.undo(uow, journal, STAFF)
    assert mendline.column("SELECT action FROM audit ORDER BY id")[-2:] == [
        "customer.merge", "customer.part",
    ]  # fmt: skip


def test_what_others_have_proven_cannot_be_taken(mendline):
    _known(mendline, phone_key("+447700900999", proven=True))
    _, ref = _known(mendline)
    with mendline.units() as uow, pytest.raises(Conflict):
        customers.update(uow, ref, {"phone": "+447700900999"}, STAFF)


def _merge(mendline, kept, merged):
    with mendline.units() as uow:
        merging.merge(uow, kept, merged, STAFF)


def _is_waited_for(mendline):
    with mendline.parts.engine.connect() as connection:
        return connection.execute(
            text("SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
                 " AND datname = current_database()")
        ).first()  # fmt: skip


def test_two_opposite_merges_at_once_make_no_circle(mendline):
    _, one = _known(mendline, name="Ilse Brandt")
    _, other = _known(mendline, name="I. Brandt")
    with ThreadPoolExecutor(1) as pool:
        with mendline.units() as uow:
            merging.merge(uow, one, other, STAFF)
            second = pool.submit(_merge, mendline, other, one)
            eventually(lambda: _is_waited_for(mendline), "the second merge waits", 5)
        with pytest.raises(Conflict) as refused:
            second.result(10)
    assert refused.value.code == "merged-meanwhile"
    with mendline.units() as uow:
        assert customers.by_ref(uow, other).ref == one
    assert mendline.count("merges") == 1


def test_an_undo_does_not_overtake_a_merge_of_the_same_moment(mendline):
    _, one = _known(mendline)
    _, other = _known(mendline)
    _, third = _known(mendline)
    _merge(mendline, one, other)
    journal = mendline.one("SELECT id FROM merges")

    def undo():
        with mendline.units() as uow:
            merging.undo(uow, journal, STAFF)

    with ThreadPoolExecutor(1) as pool:
        with mendline.units() as uow:
            merging.merge(uow, third, one, STAFF)
            undoing = pool.submit(undo)
            eventually(lambda: _is_waited_for(mendline), "the undo waits", 5)
        with pytest.raises(Conflict) as refused:
            undoing.result(10)
    assert refused.value.code == "merged-on"
