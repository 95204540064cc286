"""What a shop system's reports do to order, promises and customers (decision 9)."""

from __future__ import annotations

import pytest
from sqlalchemy.exc import IntegrityError

from crm.customers.rules import email_key, phone_key
from crm.repairs import service as repairs
from crm.repairs.service import Address, StatusNews
from crm.repairs.statuses import RepairStatus
from tests import builders
from tests.builders import STAFF

EMAIL, PHONE, OTHER_PHONE = "ilse@example.org", "+447700900123", "+447700900456"


def _taken_in(service, **fields):
    """A thread and a till's repair in it."""
    number, key = service.open_thread(name="Ilse Brandt"), service.shop_key()
    service.report(key, "repair.created", external_id="A-1", device="Pixel 8",
                   conversation_id=number, **fields)  # fmt: skip
    service.settle()
    return number, key


def _report(service, key, status, **data):
    service.report(key, "repair.status_changed", external_id="A-1", status=status, **data)
    service.settle()


def _move(service, status, note=None):
    with service.units() as uow:
        news = StatusNews(RepairStatus(status), by_staff=True, note=note)
        repairs.change_status(uow, Address(ref=service.one("SELECT ref FROM repairs")), news, STAFF)
    service.settle()


def test_a_till_with_a_slow_clock_is_believed_by_its_count(mendline):
    number, key = _taken_in(mendline, version=1)
    told = len(mendline.told(number))
    for version, status in ((2, "diagnosing"), (3, "repairing")):
        _report(mendline, key, status, version=version, occurred_at="2020-01-01T00:00:00Z")
    assert mendline.one("SELECT status FROM repairs") == "repairing"
    assert len(mendline.told(number)) == told + 2


def test_a_repair_begins_when_it_was_reported_not_when_we_came_to_it(mendline):
    key = mendline.shop_key()
    mendline.report(key, "repair.created", external_id="A-1")
    with mendline.units() as uow:
        uow.session.connection().exec_driver_sql(
            "UPDATE inbox SET received_at = received_at - interval '1 hour'"
        )
    mendline.settle()
    received, reached = mendline.table(
        "SELECT i.received_at, r.status_occurred_at FROM inbox i, repairs r"
    )[0]
    assert reached == received


def test_a_held_message_goes_before_what_a_shop_system_reports(holding):
    number, key = _taken_in(holding)
    told = len(holding.told(number))
    _move(holding, "repairing", note="the new glass is in")
    assert len(holding.told(number)) == told
    _report(holding, key, "testing")
    first, second = holding.told(number)[told:]
    assert "the new glass is in" in first and "the new glass is in" not in second
    assert set(holding.column("SELECT state FROM notifications")) == {"sent"}
    assert holding.unfinished() == []


def test_late_news_releases_nothing(holding):
    number, key = _taken_in(holding)
    told = len(holding.told(number))
    _move(holding, "testing")
    _report(holding, key, "repairing")
    assert len(holding.told(number)) == told


def test_a_repeated_status_with_another_date_reaches_chatwoot(mendline):
    number, key = _taken_in(mendline)
    _report(mendline, key, "repairing", version=1, estimated_completion="2031-05-02")
    contact_id = mendline.one("SELECT contact_id FROM conversations")
    told, notes = mendline.told(number), len(mendline.notes(number))

    def eta():
        return mendline.attributes(contact_id)["repair_eta"]

    assert eta() == "2031-05-02"
    _report(mendline, key, "repairing", version=2, estimated_completion="2031-05-09")
    assert eta() == "2031-05-09"
    _report(mendline, key, "repairing", version=3, estimated_completion="2031-05-09")
    assert mendline.told(number) == told
    assert len(mendline.notes(number)) == notes + 1


@pytest.mark.parametrize("by", ["webhook", "api"])
def test_a_shop_key_fills_gaps_and_replaces_nothing(mendline, by):
    with mendline.units() as uow:
        known = builders.customer(uow, email_key(EMAIL, proven=True), phone_key(PHONE, proven=True),
                                  email=EMAIL, phone=PHONE)  # fmt: skip
        known_id = known.id
    key = mendline.shop_key()
    told = {"name": "Somebody Else", "email": EMAIL, "phone": OTHER_PHONE, "locale": "pt"}
    if by == "webhook":
        mendline.report(key, "repair.created", external_id="A-1", customer=told)
        mendline.settle()
    else:
        headers = {"Authorization": f"Bearer {key.key}", "Idempotency-Key": "one"}
        body = {"external_id": "A-1", "customer": told}
        assert mendline.http.post("/api/v1/repairs", json=body, headers=headers).status_code == 201
    assert mendline.table("SELECT id, name, email, phone, locale FROM customers") == [
        (known_id, "Ilse Brandt", EMAIL, PHONE, "pt")
    ]
    # The other number opens nobody's file: it is a claim.
    claims = mendline.column("SELECT value FROM customer_keys WHERE NOT is_proven")
    assert claims == [OTHER_PHONE]


def test_a_gap_that_was_filled_counts_as_proven(mendline):
    with mendline.units() as uow:
        builders.customer(uow, email_key(EMAIL, proven=True), email=EMAIL)
    mendline.report(mendline.shop_key(), "repair.created", external_id="A-1",
                    customer={"email": EMAIL, "phone": PHONE})  # fmt: skip
    mendline.settle()
    assert mendline.one("SELECT phone FROM customers") == PHONE
    assert mendline.count("customer_keys", "is_proven") == 2


def test_an_external_id_is_one_repair_also_without_a_key(mendline):
    with mendline.units() as uow:
        builders.repair(uow, external_id="A-1", owner_key=None)
    with pytest.raises(IntegrityError), mendline.units() as uow:
        builders.repair(uow, external_id="A-1", owner_key=None)


def test_a_till_reports_on_what_staff_took_in_and_on_no_other_tills(mendline):
    with mendline.units() as uow:
        ours = builders.repair(uow, problem="Screen cracked").ref
    till, other = mendline.shop_key(), mendline.shop_key("another")
    mendline.report(other, "repair.created", external_id="N-1", device="Pixel 8")
    mendline.settle()
    theirs = mendline.one("SELECT ref FROM repairs WHERE external_id = 'N-1'")
    for ref in (ours, theirs):
        mendline.report(till, "repair.status_changed", ref=ref, status="testing")
    mendline.take_in()
    stands = dict(mendline.table("SELECT ref, status FROM repairs"))
    assert stands == {ours: "testing", theirs: "received"}
