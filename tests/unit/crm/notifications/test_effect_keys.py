"""The key of the effect that carries a message leads back to the message, whichever turn it is."""

from __future__ import annotations

import pytest

from crm.notifications.models import Notification


@pytest.mark.parametrize("turns", [None, 0, 1, 2, 11])
@pytest.mark.parametrize("event_key", ["which-repair:12", "repair:5:entry:7", "lone"])
def test_an_effect_key_names_its_message(event_key: str, turns: int | None):
    told = Notification(event_key=event_key, turns=turns)
    assert event_key in Notification.event_keys(told.effect_key)
