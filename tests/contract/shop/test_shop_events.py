"""Every shop event type has a schema, a handler and an example body; proofs follow the standard."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from bridge.integrations.shop import inbound, verify
from bridge.integrations.shop.schemas import DATA
from crm.core.errors import Unauthenticated

FOLDER = Path(__file__).parent / "bodies"
BODIES = {path.stem: path.read_bytes() for path in sorted(FOLDER.glob("*.json"))}
SECRET = "whsec_" + base64.b64encode(b"a key that only this test knows.").decode()
# Computed with another implementation: openssl dgst -sha256 -mac HMAC over "msg_1.1767607200.{}".
SIGNED_AT, SIGNATURE = 1767607200, "v1,D3UbiJ1QEwwP1tr9EXq1DIQqFI9pcoGVN/he7JrZje0="


def test_a_body_and_a_handler_per_type():
    handled = {kind for _, kind in inbound.Inbound(None, 1).handlers()}
    assert handled == set(DATA) == set(BODIES)


@pytest.mark.parametrize("kind", BODIES)
def test_bodies_fit(kind):
    told, data = verify.read(BODIES[kind])
    assert told == kind
    assert data["external_id"] == json.loads(BODIES[kind])["data"]["external_id"]


def test_the_signature_is_the_standards():
    _check("msg_1", b"{}")
    for message_id, body in (("msg_2", b"{}"), ("msg_1", b"{ }")):
        with pytest.raises(Unauthenticated):
            _check(message_id, body)


def _check(message_id, body):
    at = str(SIGNED_AT)
    verify.check_signature([SECRET], message_id, at, SIGNATURE, body, now=SIGNED_AT)
