"""News that comes late does not take back what was sent."""

from __future__ import annotations

import pytest

from crm.notifications import channels as notification_channels
from crm.notifications.models import NotificationState as State
from tests.integration.channels.conftest import Channels


@pytest.mark.parametrize("reached", [State.SENT, State.DELIVERED, State.READ])
def test_a_message_that_was_sent_is_never_cancelled(channels: Channels, reached: State):
    channels.shop.book(None)
    channels.settle()
    (number,) = (row[0] for row in channels.shop.rows(
        "SELECT id FROM notifications WHERE template = 'verification_code'"
    ))  # fmt: skip
    with channels.shop.parts.units() as uow:
        notification_channels.arrived(uow, number, reached)
        notification_channels.came_too_late(uow, number, "too late")
    assert ("verification_code", "mail", reached) in channels.log()


def test_one_that_waited_is_cancelled(channels: Channels):
    channels.shop.book(None)
    with channels.shop.parts.units() as uow:
        number = uow.connection.exec_driver_sql(
            "SELECT id FROM notifications WHERE template = 'verification_code'"
        ).scalar_one()
        notification_channels.came_too_late(uow, number, "too late")
    assert ("verification_code", "mail", "cancelled") in channels.log()
