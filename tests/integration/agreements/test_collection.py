"""Who collects is proven first: by code, by signature, or by a reason; shop systems report facts."""

from __future__ import annotations

import re

import pytest

from tests.integration.agreements.conftest import asked, path_of, signs

GATE = "proof-of-collection-needed"


def move(call, repair: str, status: str, **more):
    return call("POST", f"/repairs/{repair}/updates", json={"status": status, **more})


def proof(call, repair: str, **body):
    return call("POST", f"/repairs/{repair}/collection", json=body)


@pytest.fixture
def told(mendline, repair):
    """The body of the latest message about the repair."""

    def latest() -> str:
        return mendline.column("SELECT body FROM notifications ORDER BY id DESC LIMIT 1")[0]

    return latest


@pytest.fixture
def signed(mendline, link, repair) -> str:
    """A repair whose drop-off terms are signed."""
    assert signs(mendline, link).status_code == 303
    return repair


def test_a_repair_without_agreement_is_untouched(desk, repair, told):
    assert move(desk, repair, "ready_pickup").status_code == 201
    assert "code" not in told()
    assert move(desk, repair, "delivered").json["outcome"] == "moved"


def test_a_link_shown_but_neither_signed_nor_sent_binds_nobody(desk, repair, link):
    assert move(desk, repair, "delivered").status_code == 201


def test_a_link_that_was_sent_binds(desk, repair):
    asked(desk, repair, send=True)
    assert move(desk, repair, "delivered").json["code"] == GATE


def test_the_code_in_the_message_opens_the_gate(mendline, desk, signed, told):
    assert proof(desk, signed, code="000000").json["code"] == "no-code-yet"
    assert move(desk, signed, "ready_pickup").status_code == 201
    code = re.search(r"collection code:\s(\d{6})", told())[1]
    refused = move(desk, signed, "delivered")
    assert (refused.status_code, refused.json["code"]) == (409, GATE)
    assert desk("GET", f"/repairs/{signed}").json["status"] == "ready_pickup"
    wrong = f"{(int(code) + 1) % 10**6:06}"
    assert (proof(desk, signed, code=wrong).status_code, mendline.count("collection_proofs")) == (
        422, 0,
    )  # fmt: skip
    assert proof(desk, signed, code=f" {code[:3]} {code[3:]} ").json["kind"] == "code"
    assert move(desk, signed, "delivered").json["outcome"] == "moved"
    assert mendline.count("repair_history", "outcome = 'collection_proof'") == 1
    everything = mendline.column("SELECT details::text FROM repair_history")
    assert not any(code in one for one in everything)


def test_a_signed_receipt_opens_the_gate(mendline, desk, signed):
    path = path_of(asked(desk, signed, "collection"))
    assert move(desk, signed, "delivered").json["code"] == GATE
    assert "Receipt for your device" in mendline.http.get(path).text
    assert signs(mendline, path).status_code == 303
    assert move(desk, signed, "delivered").json["outcome"] == "moved"


def test_a_reason_opens_the_gate_and_is_kept(desk, signed):
    assert proof(desk, signed, seen="Regular customer, ID shown").json["kind"] == "seen"
    assert move(desk, signed, "delivered").json["outcome"] == "moved"
    entries = desk("GET", f"/repairs/{signed}/history").json["data"]
    assert any("Regular customer" in (one["internal_note"] or "") for one in entries)


def test_back_in_the_shop_it_is_proven_anew(mendline, desk, signed, told):
    move(desk, signed, "ready_pickup")
    first = re.search(r"code:\s(\d{6})", told())[1]
    assert proof(desk, signed, code=first).status_code == 201
    assert move(desk, signed, "delivered").status_code == 201
    assert move(desk, signed, "testing", reason="came back at once").json["outcome"] == "corrected"
    assert move(desk, signed, "delivered").json["code"] == GATE
    move(desk, signed, "ready_pickup")
    second = re.search(r"code:\s(\d{6})", told())[1]
    assert first != second
    assert proof(desk, signed, code=first).status_code == 422
    assert proof(desk, signed, code=second).status_code == 201
    assert move(desk, signed, "delivered").json["outcome"] == "moved"


def test_a_proof_does_not_outlive_a_step_back(desk, signed):
    move(desk, signed, "ready_pickup")
    assert proof(desk, signed, seen="Regular customer").status_code == 201
    back = move(desk, signed, "testing", reason="does not charge at the desk")
    assert back.json["outcome"] == "corrected"
    assert move(desk, signed, "delivered").json["code"] == GATE


def test_readers_who_hand_nothing_over_see_no_code(mendline, role, desk):
    number = mendline.open_thread()
    ticket = mendline.one("SELECT ref FROM tickets")
    repair = desk("POST", "/repairs", json={"device": "Pixel 8", "ticket": ticket}).json["ref"]
    asked(desk, repair, send=True)
    move(desk, repair, "ready_pickup")
    mendline.settle()
    code = re.search(r"code:\s(\d{6})", mendline.told(number)[-1])[1]
    for path in (f"/notifications?repair={repair}", f"/tickets/{ticket}/messages"):
        assert code in desk("GET", path).text
        shown = role("viewer")("GET", path)
        assert shown.status_code == 200 and code not in shown.text
        assert any("code:\n••••••" in one["body"] for one in shown.json["data"])


def test_a_shop_system_reports_a_fact(mendline, role, desk):
    till = role("shop")
    repair = till("POST", "/repairs", json={"device": "Pixel 8", "external_id": "A-1"}).json["ref"]
    asked(desk, repair, send=True)
    assert move(till, repair, "delivered").json["outcome"] == "moved"


def test_an_agent_is_told_by_a_note(mendline, desk):
    number = mendline.open_thread()
    ticket = mendline.one("SELECT ref FROM tickets")
    repair = desk("POST", "/repairs", json={"device": "Pixel 8", "ticket": ticket}).json["ref"]
    asked(desk, repair, send=True)
    mendline.settle()
    mendline.agent(number, "!status delivered", private=True)
    mendline.settle()
    assert any("collection code or a signature" in note for note in mendline.notes(number))
    assert desk("GET", f"/repairs/{repair}").json["status"] == "received"
    assert mendline.unfinished() == []


@pytest.mark.parametrize(
    "body",
    [
        {}, {"code": "1", "seen": "x"}, {"seen": " "}, {"seen": "x" * 501}, {"code": "9" * 21},
        {"code": None}, {"code": 123456}, {"seen": "a\0b"}, {"signature": "x"},
    ],
)  # fmt: skip
def test_proofs_that_do_not_fit(mendline, desk, signed, body):
    assert proof(desk, signed, **body).status_code == 422
    assert mendline.count("collection_proofs") == 0


def test_codes_cannot_be_tried_out(desk, signed):
    move(desk, signed, "ready_pickup")
    spellings = (signed, signed.lower(), signed.replace("-", ""))
    answers = [proof(desk, spellings[n % 3], code=f"x{n}").status_code for n in range(12)]
    assert answers == [422] * 10 + [429] * 2


def test_who_may(role, repair):
    for name, asks, hands_over, publishes in (
        ("viewer", 403, 403, 403), ("shop", 403, 403, 403), ("technician", 201, 201, 403),
        ("manager", 201, 201, 201),
    ):  # fmt: skip
        call = role(name)
        body = {"purpose": "drop_off", "locale": "en", "text": "Words"}
        path = f"/repairs/{repair}/agreements"
        assert call("POST", path, json={"purpose": "drop_off"}).status_code == asks
        assert proof(call, repair, seen="known").status_code == hands_over
        assert call("POST", "/terms", json=body).status_code == publishes
    assert role("shop")("GET", f"/repairs/{repair}/agreements").status_code == 403
