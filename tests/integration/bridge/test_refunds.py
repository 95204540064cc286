"""Refunds, disputes and evidence over HTTP: who may, what is refused, and that it happens once."""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass

import pytest
from flask.testing import FlaskClient
from sqlalchemy import text

from bridge.auth import COOKIE
from crm.core.events import SYSTEM
from crm.disputes import service as disputes
from crm.payments import ledger, posting
from crm.staff import service, sessions
from tests import builders
from tests.integration.payments import giving

API = "/api/v1"
HOSTILE = ["x" * 10_000, "\u202e<script>{{7*7}}", "😀" * 501, "\x00", "", 7, None]


@dataclass
class Person:
    """A signed-in member of staff."""

    client: FlaskClient
    token: str

    def __call__(self, method: str, path: str, **kwargs):
        self.client.set_cookie("mendline", self.token)
        cookie = {"Cookie": f"mendline={self.token}"}
        with self.client.application.test_request_context(headers=cookie):
            headers = {"X-CSRF-Token": COOKIE.csrf_token()}
        return self.client.open(f"{API}{path}", method=method, headers=headers, **kwargs)


@pytest.fixture
def person(app, units):
    def make(email: str, role: str) -> Person:
        with units() as uow:
            found = service.create_staff(uow, SYSTEM, email=email, name=email, role=role)
            token = sessions.sign_in(uow, sessions.create_link(uow, SYSTEM, found))
        return Person(app.test_client(), token)

    return make


@pytest.fixture
def desk(as_role):
    caller = as_role("desk")
    return lambda method, path, **kwargs: caller(method, f"{API}{path}", **kwargs)


@pytest.fixture
def repair(units):
    with units() as uow:
        return builders.repair(uow, builders.customer(uow).id, currency="GBP")


def test_a_refund_from_asking_to_done(units, repair, desk):
    payment = giving.cash(units, repair)
    path = f"/payments/{payment.ref}/refunds"
    body = {"amount_minor": 2000, "reason": "Wrong glass", "restock": True}
    made = desk("POST", path, json=body, headers={"Idempotency-Key": "one"})
    again = desk("POST", path, json=body, headers={"Idempotency-Key": "one"})
    assert (made.status_code, again.json) == (201, made.json)
    refund = made.json
    assert (refund["state"], refund["method"], refund["restock"]) == ("done", "cash", True)
    assert refund["payment"] == payment.ref and refund["credit_note"] is None
    assert giving.balances(units) == {"cash": 3000, "held": -3000}
    assert desk("GET", path).json["data"] == [refund]
    assert desk("GET", f"/refunds/{refund['ref']}").json == refund
    assert desk("GET", "/refunds?state=done").json["data"] == [refund]
    assert desk("GET", "/refunds?state=queued").json["data"] == []
    high = desk("POST", path, json={"reason": "more", "amount_minor": 3001})
    assert (high.status_code, high.json["code"]) == (409, "refund-too-high")


def test_a_line_is_credited(units, repair, desk):
    payment = giving.cash(units, repair)
    invoice = giving.invoiced(units, repair, 5000)
    with units() as uow:
        posting.post_invoice(uow, invoice)
        ledger.apply_held(uow, repair.id)
    body = {"reason": "Line", "invoice": invoice.number.lower(),
            "lines": [{"line": 0, "amount_minor": 1500}]}  # fmt: skip
    made = desk("POST", f"/payments/{payment.ref}/refunds", json=body)
    assert (made.status_code, made.json["amount_minor"]) == (201, 1500)
    note = desk("GET", f"/invoices/{made.json['credit_note']}").json
    assert note["kind"] == "credit_note"


def test_two_people_and_no_key(units, repair, person, as_role):
    payment = giving.cash(units, repair, 30_000)
    one, other, junior = (person("one@shop.example", "manager"),
                          person("two@shop.example", "manager"),
                          person("three@shop.example", "desk"))  # fmt: skip
    asked = one("POST", f"/payments/{payment.ref}/refunds", json={"reason": "Gone wrong"})
    assert (asked.status_code, asked.json["state"]) == (201, "waiting_second")
    path = f"/refunds/{asked.json['ref']}/approve"
    for caller, code in ((one, "second-person-needed"), (junior, "forbidden")):
        refused = caller("POST", path)
        assert (refused.status_code, refused.json["code"]) == (403, code)
    by_key = as_role("admin")("POST", f"{API}{path}")
    assert (by_key.status_code, by_key.json["code"]) == (403, "second-person-needed")
    assert giving.balances(units)["cash"] == 30_000
    done = other("POST", path)
    assert (done.status_code, done.json["state"]) == (200, "done")
    assert (done.json["requested_by"], done.json["approved_by"]) == (
        "one@shop.example", "two@shop.example",
    )  # fmt: skip
    for act in ("approve", "refuse"):
        late = other("POST", f"/refunds/{asked.json['ref']}/{act}")
        assert (late.status_code, late.json["code"]) == (409, "refund-settled")


def test_refused(units, repair, person):
    payment = giving.cash(units, repair, 30_000)
    one, other = person("one@shop.example", "desk"), person("two@shop.example", "manager")
    ref = one("POST", f"/payments/{payment.ref}/refunds", json={"reason": "why"}).json["ref"]
    refused = other("POST", f"/refunds/{ref}/refuse").json
    assert (refused["state"], refused["refused_by"]) == ("refused", "two@shop.example")
    assert giving.balances(units) == {"cash": 30_000, "held": -30_000}


def test_bodies_that_are_refused(units, repair, desk):
    payment = giving.cash(units, repair)
    bodies = [
        *({"reason": words} for words in HOSTILE[:1] + HOSTILE[2:]),
        *({"reason": "x", "amount_minor": amount} for amount in (0, -1, 1.5, "1e3", True, 10**20)),
        {"reason": "x", "lines": []},
        {"reason": "x", "lines": [{"line": 0, "amount_minor": 5}]},
        {"reason": "x", "lines": [{"line": -1, "amount_minor": 5}], "invoice": "INV-1"},
        {"reason": "x", "currency": "EUR"},
        {},
    ]
    for body in bodies:
        answer = desk("POST", f"/payments/{payment.ref}/refunds", json=body)
        assert answer.status_code == 422, (body, answer.json)
    assert giving.balances(units) == {"cash": 5000, "held": -5000}
    kept = desk("POST", f"/payments/{payment.ref}/refunds", json={"reason": HOSTILE[1]})
    assert (kept.status_code, kept.json["reason"]) == (201, HOSTILE[1])


def test_what_is_not_there(as_role):
    manager = as_role("manager")
    for path in ("/refunds/REF-2611-00000", "/refunds/😀", "/disputes/DSP-2611-00000",
                 "/disputes/%00/evidence.zip", "/repairs/RPR-2611-00000/evidence.zip"):  # fmt: skip
        assert manager("GET", f"{API}{path}").status_code == 404, path
    made = manager("POST", f"{API}/payments/PAY-2611-00000/refunds", json={"reason": "x"})
    assert made.status_code == 404


def test_who_may(as_role):
    for role, may_ask, may_pack in (("viewer", 403, 403), ("technician", 403, 403),
                                    ("desk", 404, 403), ("manager", 404, 404)):  # fmt: skip
        caller = as_role(role)
        asked = caller("POST", f"{API}/payments/PAY-1/refunds", json={"reason": "x"})
        packed = caller("GET", f"{API}/repairs/RPR-1/evidence.zip")
        assert (asked.status_code, packed.status_code) == (may_ask, may_pack), role


def test_a_dispute_its_note_and_its_pack(units, repair, as_role):
    payment = giving.card(units, repair)
    with units() as uow:
        ref = disputes.record(uow, giving.disputed(payment)).ref
    manager = as_role("manager")
    told = manager("GET", f"{API}/disputes?state=needs_response").json["data"][0]
    assert manager("GET", f"{API}/disputes/{ref}").json == told
    assert (told["payment"], told["repair"], told["amount_minor"]) == (
        payment.ref, repair.ref, 5000,
    )  # fmt: skip
    for words in HOSTILE:
        bad = manager("POST", f"{API}/disputes/{ref}/note", json={"body": words})
        assert bad.status_code == (201 if words in (HOSTILE[1], HOSTILE[2]) else 422), words
    messages = manager("GET", f"{API}/tickets/{told['ticket']}/messages").json["data"]
    assert messages[1]["body"] == HOSTILE[1] and messages[1]["private"] is True
    for path in (f"/disputes/{ref}/evidence.zip", f"/repairs/{repair.ref.lower()}/evidence.zip"):
        pack = manager("GET", f"{API}{path}")
        assert (pack.status_code, pack.mimetype) == (200, "application/zip")
        assert pack.headers["Cache-Control"] == "no-store"
        with zipfile.ZipFile(io.BytesIO(pack.data)) as archive:
            assert {"index.html", "index.json"} <= set(archive.namelist())
            assert HOSTILE[1].encode() not in archive.read("06-messages.html")
    with units() as uow:
        query = text("SELECT target, details FROM audit WHERE action = 'evidence.read' ORDER BY id")
        rows = uow.session.execute(query).all()
    assert [one.target for one in rows] == [ref, repair.ref]
    assert len(rows[0].details["index_sha256"]) == 64
