"""The owner's letter by mail: to admins, once a week, with figures that stay out of the log."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from crm.core.events import SYSTEM
from crm.mailboxes import service as mailboxes
from crm.staff import service as staff
from crm.weekly import rules
from crm.weekly.round import Round
from tests import builders
from tests.integration.channels.conftest import channels, environ  # noqa: F401

# One of them shows no Monday morning now.
ZONE = next(
    zone
    for zone in (ZoneInfo("UTC"), ZoneInfo("Etc/GMT-12"))
    if rules.week(datetime.now(UTC), zone)
)


def letters(channels, **shop) -> Round:  # noqa: F811
    parts = channels.shop.parts
    told = {"timezone": ZONE, "currency": "GBP", **shop}
    return Round(parts.units, parts.seal, replace(parts.shop, **told))


@pytest.fixture
def owner(channels):  # noqa: F811
    """An owner, a desk, and money in both weeks."""
    week = rules.week(datetime.now(UTC), ZONE)
    with channels.shop.parts.units() as uow:
        staff.create_staff(uow, SYSTEM, email="owner@quay.example", name="Ada", role="admin")
        staff.create_staff(uow, SYSTEM, email="front@quay.example", name="Ben", role="desk")
        repair_id = builders.repair(uow).id
    for number, (start, method, minor) in enumerate(
        [(week.before, "cash", 100_00), (week.start, "cash", 100_00), (week.start, "transfer", 50_00),
         (week.end, "cash", 999_00)]
    ):  # fmt: skip
        channels.write(
            """INSERT INTO payments (ref, method, amount_minor, currency, purpose, state,
                                     repair_id, received_at, received_by)
               VALUES (:ref, :method, :minor, 'GBP', 'balance', 'received', :repair, :at, 'till')""",
            ref=f"PAY-T-{number}", method=method, minor=minor, repair=repair_id,
            at=start + timedelta(hours=1),
        )  # fmt: skip
    channels.settle()
    channels.post.empty()


def test_the_owner_gets_one_letter_a_week(channels, owner):  # noqa: F811
    with ThreadPoolExecutor(2) as pool:
        assert sum(pool.map(lambda one: one.run(), [letters(channels)] * 2)) == 1
    channels.settle()
    assert letters(channels).run() == 0
    (mail,) = channels.post.mails
    assert mail["To"] == "owner@quay.example" and mail["Subject"] == "The week at Quay Phones"
    text = channels.post.text()
    assert "Money received: £150.00 (the week before: £100.00)." in text
    assert "Most of it: transfer, £50.00 (before: –)." in text
    log = channels.shop.call("GET", "/notifications", "viewer").text
    assert "150" not in log and "owner@" not in log
    assert channels.shop.rows("SELECT sealed_body, address FROM notifications "
                              "WHERE template = 'weekly_report'") == [(None, None)]  # fmt: skip


def test_an_owner_whose_address_takes_no_mail_gets_none(channels, owner):  # noqa: F811
    """Sealed, but no code that somebody has just asked for."""
    with channels.shop.parts.units() as uow:
        mailboxes.unreachable(uow, "owner@quay.example", "no such mailbox (5.1.1)")
    letters(channels).run()
    channels.settle()
    assert channels.post.mails == []
    (refusals,) = channels.shop.rows(
        "SELECT refusals FROM notifications WHERE template = 'weekly_report'"
    )[0]
    assert refusals == {"mail": "the address takes no mail: no such mailbox (5.1.1)"}


def test_it_speaks_the_shops_language(channels, owner):  # noqa: F811
    assert letters(channels, locale="pt").run() == 1
    channels.settle()
    assert "Dinheiro recebido" in channels.post.text() and "transferência" in channels.post.text()


def test_a_week_like_the_one_before_is_no_news(channels, owner):  # noqa: F811
    channels.write("DELETE FROM payments WHERE ref <> 'PAY-T-3'")
    assert letters(channels).run() == 0


def test_it_is_on_where_mail_is(channels):  # noqa: F811
    names = {one.name for one in channels.shop.parts.schedules()}
    assert {"weekly.round", "followups.round"} <= names
    without = replace(
        channels.shop.parts, settings=replace(channels.shop.parts.settings, mail=None)
    )
    assert "weekly.round" not in {one.name for one in without.schedules()}
