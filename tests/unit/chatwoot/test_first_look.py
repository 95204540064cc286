"""The first look at the door misses no code that the second one would find."""

from __future__ import annotations

import json

import pytest

from chatwoot.codes import may_hold
from tests.unit.crm.passcodes.test_spotting import CODES


@pytest.mark.parametrize("text", [text for text, *_ in CODES])
def test_every_code_that_is_spotted_gets_a_second_look(text):
    for escaped in (True, False):
        assert may_hold(json.dumps({"content": text.upper()}, ensure_ascii=escaped).encode())


def test_an_ordinary_message_gets_none():
    body = {"content": "Is my phone ready?", "blocked": False, "event": "message_created"}
    assert not may_hold(json.dumps(body).encode())
