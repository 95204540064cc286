"""A body per handler; a handler, or a line in KNOWINGLY_IGNORED, per body; both generations."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from chatwoot import schemas
from chatwoot.codes import Codes
from chatwoot.commands import Commands
from chatwoot.inbound import FETCHED, KNOWINGLY_IGNORED, Inbound
from chatwoot.labels import LabelMoves
from chatwoot.verify import BOT_SOURCE, SOURCE, check_signature, meaning_of, subject_of
from crm.core.errors import Unauthenticated
from tests.contract.chatwoot.examples import CONTRACT, GENERATIONS, OWN, examples

HANDLERS = Inbound(
    1, Commands(None, ZoneInfo("UTC")), LabelMoves(None), Codes(None, None)
).handlers()
SCHEMAS = {
    "conversation": schemas.Conversation(),
    "message": schemas.Message(),
    "contact": schemas.Contact(),
}
ALL = examples(OWN) + examples(CONTRACT)
VECTORS = CONTRACT / "v4.14" / "headers.json"
needs_contract = pytest.mark.skipif(
    not CONTRACT.exists(), reason="the contract's fixtures are not here"
)


@pytest.mark.parametrize("generation", GENERATIONS)
def test_every_handler_has_a_body(generation):
    shown = {(e.source, e.event) for e in examples(OWN) if e.generation == generation}
    handled = {key for key in HANDLERS if key[0] in (SOURCE, BOT_SOURCE) and key[1] != FETCHED}
    assert handled - shown == set()


@pytest.mark.parametrize("example", ALL, ids=str)
def test_every_body_is_handled_or_knowingly_ignored(example):
    handled = (example.source, example.event) in HANDLERS
    ignored = example.event in KNOWINGLY_IGNORED[example.source]
    assert handled != ignored
    if handled:
        loaded = SCHEMAS[example.event.split("_")[0]].load(example.body)
        assert loaded["id"] == example.body["id"]


@pytest.mark.parametrize("source", [SOURCE, BOT_SOURCE])
def test_what_is_ignored_has_no_handler(source):
    assert not [event for event in KNOWINGLY_IGNORED[source] if (source, event) in HANDLERS]


@needs_contract
def test_the_contracts_fixtures_are_all_read():
    assert len([e for e in ALL if e in examples(CONTRACT)]) >= 100


@pytest.mark.parametrize("example", [e for e in ALL if (e.source, e.event) in HANDLERS], ids=str)
def test_every_handled_body_has_a_subject_and_a_meaning(example):
    subject = subject_of(1, example.event, example.body)
    kind = "contact" if example.event.startswith("contact") else "conversation"
    number = (
        example.body["conversation"]["id"] if "conversation" in example.body else example.body["id"]
    )
    assert subject == f"{kind}:1:{number}"
    meaning, window = meaning_of(example.event, example.body, example.raw)
    forever = example.event.endswith("_created") or "updated_at" in example.body
    assert (window is None) == forever
    assert meaning.startswith(example.event)


def _vectors() -> list[dict]:
    if not Path(VECTORS).exists():
        return []
    told = json.loads(VECTORS.read_text("utf-8"))
    return [*told["valid"], *told["invalid"]]


@needs_contract
@pytest.mark.parametrize("vector", _vectors(), ids=lambda vector: vector["name"][:60])
def test_signature_vectors(vector):
    headers = vector["headers"]
    raw = (
        base64.b64decode(vector["body_base64"])
        if "body_base64" in vector
        else vector["body"].encode()
    )
    at = vector.get("receiver_clock") or float(headers.get("X-Chatwoot-Timestamp") or 0)
    if vector["expect"] == "accept":
        check_signature([vector["secret"]], headers, raw, at=at)
        check_signature(["an older secret of ours", vector["secret"]], headers, raw, at=at)
    else:
        with pytest.raises(Unauthenticated):
            check_signature([vector["secret"]], headers, raw, at=at)
