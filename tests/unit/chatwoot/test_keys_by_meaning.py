"""Which deliveries of Chatwoot mean the same (reliability.md, rule 3), and when they were sent."""

import time

import pytest

from chatwoot.inbound import FETCHED
from chatwoot.verify import REPEAT_WINDOW_SECONDS, Pin, check_signature, meaning_of
from crm.core.errors import Unauthenticated

BODY = {"id": 7, "updated_at": 1790000000.25}


@pytest.mark.parametrize("event", ["conversation_updated", "conversation_status_changed"])
def test_a_version_of_a_conversation_means_one_thing_for_good(event):
    assert meaning_of(event, BODY, b"one") == meaning_of(event, BODY, b"other")
    assert meaning_of(event, BODY, b"one")[1] is None


def test_what_was_fetched_is_told_apart_by_its_content():
    one, window = meaning_of(FETCHED, BODY, b"one")
    assert one != meaning_of(FETCHED, BODY, b"other")[0]
    assert window == REPEAT_WINDOW_SECONDS


@pytest.mark.parametrize("told", [None, "", "x", "-1", "²", "١٢٣", "1e9", " 1", "999999999999"])
def test_a_broken_moment_proves_nothing(told):
    headers = {} if told is None else {"X-Chatwoot-Timestamp": told}
    with pytest.raises(Unauthenticated):
        check_signature(["secret"], headers, b"{}")


def test_a_pin_is_looked_up_at_once_even_on_a_machine_just_started(monkeypatch):
    # The monotonic clock starts at zero with some machines.
    monkeypatch.setattr(time, "monotonic", lambda: 3.0)
    assert Pin(lambda: True, lambda: None).is_set()
