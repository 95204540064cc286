"""Work that is given up: the customer hears of it, once, and of nothing that is no longer so."""

from __future__ import annotations

import pytest

from crm.core.events import Actor
from crm.repairs import service as repairs
from crm.repairs.service import Address, StatusNews
from crm.repairs.statuses import RepairFlag, RepairStatus
from tests.builders import STAFF
from tests.integration.channels.conftest import Channels

TILL = Actor("shop", "till", "1")
GONE, CALLED_OFF = RepairFlag.UNREPAIRABLE, RepairFlag.CANCELLED


@pytest.fixture
def environ() -> dict[str, str]:
    return {"HOLD_SECONDS": "120"}


@pytest.fixture
def ref(channels: Channels) -> str:
    ref = channels.repair(channels.customer(email="ilse@example.org"))
    leave(channels)
    return ref


def leave(channels: Channels) -> None:
    """Two minutes later."""
    channels.write("UPDATE outbox SET due_at = clock_timestamp(), held_until = NULL "
                   "WHERE state = 'pending'")  # fmt: skip
    channels.write("UPDATE notifications SET not_before = clock_timestamp(), "
                   "send_at = clock_timestamp() WHERE state = 'queued'")  # fmt: skip
    channels.settle()


def move(channels: Channels, ref: str, status: RepairStatus, reason: str | None = None) -> None:
    with channels.shop.parts.units() as uow:
        news = StatusNews(status, by_staff=True, reason=reason)
        repairs.change_status(uow, Address(ref=ref), news, STAFF)


def flag(channels: Channels, ref: str, *flags: RepairFlag, actor: Actor = STAFF) -> None:
    with channels.shop.parts.units() as uow:
        repairs.set_flags(uow, Address(ref=ref), list(flags), actor)


def states(channels: Channels) -> list[tuple[str, str]]:
    return channels.log("template, state")[1:]


@pytest.mark.parametrize(
    ("given_up", "name", "words"),
    [(GONE, "repair_unrepairable", "cannot be repaired"),
     (CALLED_OFF, "repair_cancelled", "was cancelled")],
)  # fmt: skip
def test_what_staff_say_waits_and_is_told(channels: Channels, ref: str, given_up, name, words):
    flag(channels, ref, given_up, RepairFlag.IN_STORAGE)
    channels.settle()
    assert states(channels) == [(name, "queued")] and len(channels.post.mails) == 1
    leave(channels)
    told = channels.post.mails[-1]
    body = told.get_body(("plain",)).get_content()
    assert words in body and ref in body and "/track/" in body and "To pay" not in body
    assert "We tell you when you can collect it." in body and ref in told["Subject"]
    # Nothing new.
    flag(channels, ref, given_up)
    assert states(channels) == [(name, "sent")]


def test_what_a_shop_system_says_is_told_at_once(channels: Channels, ref: str):
    flag(channels, ref, GONE, actor=TILL)
    channels.settle()
    assert states(channels) == [("repair_unrepairable", "sent")]


def test_who_thinks_better_of_it_informs_nobody(channels: Channels, ref: str):
    flag(channels, ref, GONE)
    flag(channels, ref)
    leave(channels)
    assert states(channels) == [("repair_unrepairable", "cancelled")]
    flag(channels, ref, CALLED_OFF)
    leave(channels)
    flag(channels, ref)
    assert states(channels)[1:] == [("repair_cancelled", "sent")]


def test_of_both_the_reason_is_told(channels: Channels, ref: str):
    flag(channels, ref, CALLED_OFF)
    flag(channels, ref, CALLED_OFF, GONE)
    leave(channels)
    assert states(channels) == [("repair_cancelled", "cancelled"), ("repair_unrepairable", "sent")]


def test_what_was_said_of_the_work_meanwhile_is_taken_back(channels: Channels, ref: str):
    move(channels, ref, RepairStatus.REPAIRING)
    flag(channels, ref, GONE)
    leave(channels)
    assert states(channels) == [("repair_repairing", "cancelled"), ("repair_unrepairable", "sent")]


def test_what_lies_ready_stays_ready(channels: Channels, ref: str):
    move(channels, ref, RepairStatus.READY_PICKUP)
    flag(channels, ref, GONE)
    leave(channels)
    assert states(channels) == [("repair_ready_pickup", "sent"), ("repair_unrepairable", "sent")]
    body = channels.post.mails[-1].get_body(("plain",)).get_content()
    assert "You can collect it as it is." in body


def test_a_correction_of_the_status_leaves_it(channels: Channels, ref: str):
    move(channels, ref, RepairStatus.REPAIRING)
    flag(channels, ref, GONE)
    move(channels, ref, RepairStatus.DIAGNOSING, reason="wrong button")
    leave(channels)
    assert ("repair_unrepairable", "sent") in states(channels)


@pytest.mark.parametrize("order", ["told before", "with the handing over"])
def test_who_has_the_device_back_is_told_nothing(channels: Channels, ref: str, order: str):
    with channels.shop.parts.units() as uow:
        news = StatusNews(RepairStatus.DELIVERED, by_staff=False)
        repairs.change_status(uow, Address(ref=ref), news, TILL)
        if order == "with the handing over":
            repairs.set_flags(uow, Address(ref=ref), [GONE], TILL)
    if order == "told before":
        flag(channels, ref, GONE, actor=TILL)
    assert states(channels) == [("repair_delivered", "queued")]


def test_who_hears_of_it_at_the_counter_is_not_told_to_wait(channels: Channels, ref: str):
    flag(channels, ref, GONE)
    move(channels, ref, RepairStatus.DELIVERED)
    assert states(channels) == [
        ("repair_unrepairable", "cancelled"),
        ("repair_delivered", "queued"),
    ]


def test_staff_hear_when_nobody_could_be_told(channels: Channels):
    ref = channels.repair(channels.customer())
    flag(channels, ref, GONE)
    assert ("repair_unrepairable", "no_channel") in channels.log("template, state")
    assert channels.shop.rows("SELECT kind FROM notices") == [("message.failed",)]
