"""Our events at the addresses of shop systems: a receiver of our own behind a real line."""

from __future__ import annotations

import http.server
import json
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from sqlalchemy import text

from bridge.integrations.shop.verify import check_signature
from crm.core.errors import Unauthenticated
from crm.followups.surveys import Surveys
from crm.outgoing import catalogue
from crm.subscriptions.service import MOST_FAILURES
from tests.integration.channels.conftest import Channels

HOSTILE = ("a" * 10_000, "\u202egnp.exe", "<script>", "{{ 7*7 }}", "a\x00b", "💥")


@dataclass
class Receiver:
    """answers: what it says next; 204 when they are used up. location: of a redirect."""

    url: str = ""
    answers: list[int] = field(default_factory=list)
    location: str = ""
    heard: list[tuple[dict[str, str], bytes]] = field(default_factory=list)

    def events(self) -> list[dict[str, Any]]:
        return [json.loads(body) for _, body in self.heard]

    def types(self) -> list[str]:
        return [one["type"] for one in self.events()]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    told = Receiver()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            told.heard.append(({k.lower(): v for k, v in self.headers.items()}, body))
            self.send_response(told.answers.pop(0) if told.answers else 204)
            if told.location:
                self.send_header("Location", told.location)
            self.end_headers()

        def log_message(self, *_args: Any) -> None: ...

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        told.url = f"http://127.0.0.1:{server.server_address[1]}/events?of=mendline"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield told
        server.shutdown()


@pytest.fixture
def environ() -> dict[str, str]:
    return {"WEBHOOK_PRIVATE_NETWORKS": "127.0.0.0/8"}


def call(channels: Channels, method: str, path: str = "", role: str = "admin", **kw: Any) -> Any:
    return channels.shop.call(method, f"/webhooks{path}", role, **kw)


def subscribed(channels: Channels, receiver: Receiver, *kinds: str) -> dict[str, Any]:
    body = {"url": receiver.url, "kinds": list(kinds or ("*",))}
    answer = call(channels, "POST", json=body)
    assert answer.status_code == 201, answer.text
    return answer.json


def test_a_repair_is_told_with_a_signature_that_holds(channels: Channels, receiver: Receiver):
    made = subscribed(channels, receiver, "repair.created", "repair.status_changed")
    ref = channels.repair(channels.customer(email="ilse@example.com"))
    channels.settle()
    (headers, body), = receiver.heard  # fmt: skip
    check_signature([made["secret"]], headers["webhook-id"], headers["webhook-timestamp"],
                    headers["webhook-signature"], body)  # fmt: skip
    with pytest.raises(Unauthenticated):
        check_signature([made["secret"]], headers["webhook-id"], headers["webhook-timestamp"],
                        headers["webhook-signature"], body + b" ")  # fmt: skip
    event = json.loads(body)
    assert event["type"] == "repair.created"
    assert event["data"]["ref"] == ref and event["data"]["status"] == "received"
    assert event["data"]["version"] > 0 and event["timestamp"].endswith("Z")
    told = body.decode()
    assert "Ilse" not in told and "ilse@" not in told


def test_only_what_was_asked_for_is_sent(channels: Channels, receiver: Receiver):
    subscribed(channels, receiver, "ticket.opened")
    channels.repair(channels.customer(email="ilse@example.com"))
    channels.settle()
    assert "repair.created" not in receiver.types()


def test_news_of_one_repair_come_in_order_and_once(channels: Channels, receiver: Receiver):
    subscribed(channels, receiver, "repair.created", "repair.status_changed")
    receiver.answers = [500]
    ref = channels.repair(channels.customer(email="ilse@example.com"))
    moved = channels.shop.call("POST", f"/repairs/{ref}/updates", "technician",
                               json={"status": "diagnosing"})  # fmt: skip
    assert moved.status_code in (200, 201), moved.text
    channels.settle(rounds=4)
    assert receiver.types() == ["repair.created", "repair.created", "repair.status_changed"]
    ids = [headers["webhook-id"] for headers, _ in receiver.heard]
    assert ids[0] == ids[1] != ids[2]
    assert receiver.events()[2]["data"]["after"] == "diagnosing"


@pytest.mark.parametrize("status", [302, 404, 503])
def test_every_other_answer_is_tried_again(channels: Channels, receiver: Receiver, status: int):
    subscribed(channels, receiver)
    receiver.answers, receiver.location = [status], "http://127.0.0.1:1/elsewhere"
    channels.repair(channels.customer(email="ilse@example.com"))
    channels.settle()
    first = receiver.heard[0][0]["webhook-id"]
    pending = channels.effects("kind, state, reason")
    assert ("webhooks.post", "pending") in [row[:2] for row in pending]
    channels.settle(rounds=2)
    assert [h["webhook-id"] for h, _ in receiver.heard].count(first) == 2


def test_gone_ends_the_subscription(channels: Channels, receiver: Receiver):
    made = subscribed(channels, receiver)
    receiver.answers = [410] * 9
    channels.repair(channels.customer(email="ilse@example.com"))
    channels.settle()
    shown = call(channels, "GET", f"/{made['id']}").json
    assert not shown["is_active"] and shown["ended_reason"].startswith("410")
    before = len(receiver.heard)
    channels.repair(channels.customer(email="otto@example.com"))
    channels.settle()
    assert len(receiver.heard) == before


def test_two_secrets_sign_during_a_rotation(channels: Channels, receiver: Receiver):
    made = subscribed(channels, receiver)
    answer = call(channels, "POST", f"/{made['id']}/rotate-secret", json={})
    assert answer.status_code == 200
    call(channels, "POST", f"/{made['id']}/test")
    channels.settle()
    headers, body = receiver.heard[-1]
    for secret in (made["secret"], answer.json["secret"]):
        check_signature([secret], headers["webhook-id"], headers["webhook-timestamp"],
                        headers["webhook-signature"], body)  # fmt: skip
    call(channels, "POST", f"/{made['id']}/rotate-secret", json={"overlap_seconds": 0})
    call(channels, "POST", f"/{made['id']}/test")
    channels.settle()
    assert len(receiver.heard[-1][0]["webhook-signature"].split()) == 1


def test_a_delivery_is_listed_and_sent_again(channels: Channels, receiver: Receiver):
    made = subscribed(channels, receiver, "repair.created")
    channels.repair(channels.customer(email="ilse@example.com"))
    channels.settle()
    (row,) = call(channels, "GET", f"/{made['id']}/deliveries?state=done").json["data"]
    assert row["type"] == "repair.created"
    again = call(channels, "POST", f"/{made['id']}/deliveries/{row['id']}/replay")
    assert again.status_code == 202, again.text
    twice = call(channels, "POST", f"/{made['id']}/deliveries/{row['id']}/replay")
    assert twice.status_code == 409
    channels.settle()
    assert [h["webhook-id"] for h, _ in receiver.heard] == [row["webhook_id"]] * 2
    other = subscribed(channels, receiver, "ticket.opened")
    assert (
        call(channels, "POST", f"/{other['id']}/deliveries/{row['id']}/replay").status_code == 404
    )


def test_a_removed_address_hears_nothing_more(channels: Channels, receiver: Receiver):
    made = subscribed(channels, receiver)
    channels.repair(channels.customer(email="ilse@example.com"))
    assert call(channels, "DELETE", f"/{made['id']}").status_code == 204
    channels.settle()
    assert receiver.heard == []


def test_what_an_ended_subscription_was_owed_is_cancelled(
    channels: Channels, receiver: Receiver, subtests
):
    """It is no fault: nothing dead, nobody is told."""
    off = {"is_active": False}
    for name, end in (("PATCH", {"json": off}), ("DELETE", {})):
        with subtests.test(name):
            made = subscribed(channels, receiver)
            receiver.answers = [500]
            call(channels, "POST", f"/{made['id']}/test")
            channels.settle()  # tried once, and waiting
            channels.repair(channels.customer(email=f"{name}@example.com"))
            assert call(channels, name, f"/{made['id']}", **end).status_code < 300
            before = len(receiver.heard)
            channels.settle(rounds=2)
            assert len(receiver.heard) == before
            ours = [row for row in channels.effects("destination, state, reason")
                    if row[0] == f"webhooks:{made['id']}"]  # fmt: skip
            assert len(ours) > 1
            assert {row[1:] for row in ours} == {
                ("cancelled", "obsolete: the subscription was ended")
            }
    assert channels.shop.rows("SELECT kind FROM notices WHERE kind = 'effect.died'") == []


def test_a_name_that_moves_into_the_private_network_is_not_called(
    channels: Channels, receiver: Receiver
):
    """Allowed when it was subscribed, and no more when it is called."""
    made = subscribed(channels, receiver)
    with channels.shop.parts.units() as uow:
        uow.session.execute(text("UPDATE subscriptions SET url = 'http://10.0.0.1/events'"))
    channels.repair(channels.customer(email="ilse@example.com"))
    channels.settle()
    reasons = {row[2] for row in channels.effects() if row[0] == "webhooks.post"}
    assert reasons and all("private network" in reason for reason in reasons)
    assert call(channels, "GET", f"/{made['id']}").json["failures"] > 0


def test_it_ends_when_nobody_hears_five_events_in_a_row(channels: Channels, receiver: Receiver):
    made = subscribed(channels, receiver)

    def send(url: str, times: int = 1) -> tuple[int, bool]:
        channels.write("UPDATE subscriptions SET url = :url", url=url)
        for _ in range(times):
            call(channels, "POST", f"/{made['id']}/test")
        channels.settle()
        shown = call(channels, "GET", f"/{made['id']}").json
        return shown["failures"], shown["is_active"]

    deaf = "http://10.0.0.1/events"
    assert send(deaf, MOST_FAILURES - 1) == (4, True)
    assert send(receiver.url) == (0, True)
    assert send(deaf, MOST_FAILURES - 1) == (4, True)
    assert send(deaf) == (5, False)
    ended = call(channels, "GET", f"/{made['id']}").json["ended_reason"]
    assert "private network" in ended
    assert call(channels, "PATCH", f"/{made['id']}", json={"is_active": True}).json["failures"] == 0


REFUSED = (
    "http://10.0.0.1/", "https://192.168.1.1/x", "http://[::1]/", "https://169.254.169.254/",
    "ftp://example.com/", "https://user:secret@example.com/", "javascript:alert(1)", "",
    "https://", "http://93.184.216.34/", "https://[fec0::1]/", "https://[::7f00:1]:5432/",
    "https://[64:ff9b:1::a00:1]/", "https://[::ffff:0:10.0.0.1]/", *HOSTILE,
)  # fmt: skip


def test_bad_input_is_refused_by_field(channels: Channels, receiver: Receiver, subtests):
    for url in REFUSED:
        with subtests.test(url=url[:40]):
            answer = call(channels, "POST", json={"url": url, "kinds": ["*"]})
            assert answer.status_code == 422 and answer.json["errors"], answer.text
    for kinds in ([], ["*", "repair.created"], ["repair.created"] * 2, ["passcode.seen"], HOSTILE):
        with subtests.test(kinds=str(kinds)[:40]):
            answer = call(channels, "POST", json={"url": receiver.url, "kinds": list(kinds)})
            assert answer.status_code == 422 and answer.json["errors"], answer.text


def test_it_is_switched_by_true_and_false_alone(channels: Channels, receiver: Receiver, subtests):
    made = subscribed(channels, receiver)
    for wrong in ("yes", "true", "", "0", 1, 0, 1.0, None, [], {}, *HOSTILE):
        with subtests.test(str(wrong)[:20]):
            answer = call(channels, "PATCH", f"/{made['id']}", json={"is_active": wrong})
            assert answer.status_code == 422 and set(answer.json["errors"]) == {"is_active"}
    for right in (False, True):
        answer = call(channels, "PATCH", f"/{made['id']}", json={"is_active": right})
        assert answer.json["is_active"] is right


def test_only_admins_manage_them(channels: Channels):
    for role in ("manager", "desk", "viewer", "shop"):
        assert call(channels, "GET", role=role).status_code == 403


def test_the_list_of_events_is_the_code(channels: Channels):
    listed = call(channels, "GET", "/events").json
    assert {one["kind"] for one in listed} == set(catalogue.KINDS)
    described = channels.shop.http.get("/api/v1/openapi.json").json["webhooks"]
    assert set(described) == set(catalogue.KINDS)
    for one in listed:
        # A plain sentence: no field's name, nothing of the code.
        assert re.fullmatch(r"[A-Z][^`_.]{10,}\.", one["meaning"]), one
        assert described[one["kind"]]["post"]["summary"] == one["meaning"]
    assert len({one["meaning"] for one in listed}) == len(listed)


def test_every_subject_has_words_for_its_events():
    kinds = [event for event in catalogue.PUBLIC if event.subject_kind not in catalogue.SUBJECTS]
    assert kinds == []
    for event, told in catalogue.PUBLIC.items():
        assert set(told.adds) <= set(event.__dataclass_fields__), event


def test_a_quote_is_told_with_its_amounts(channels: Channels, receiver: Receiver):
    subscribed(channels, receiver, "quote.sent", "quote.approved", "invoice.issued")
    ref = channels.repair(channels.customer(email="ilse@example.com"))
    line = {"label": "Screen", "unit_minor": 12_000}
    quote = channels.shop.call("POST", f"/repairs/{ref}/quotes", "desk",
                               json={"options": [{"lines": [line]}]}).json  # fmt: skip
    channels.shop.call("POST", f"/quotes/{quote['ref']}/send", "desk")
    channels.shop.call("POST", f"/quotes/{quote['ref']}/approve", "desk",
                       json={"version": 1, "words": "yes"})  # fmt: skip
    channels.settle()
    sent, approved = receiver.events()
    assert (sent["type"], sent["data"]["ref"]) == ("quote.sent", quote["ref"])
    assert approved["data"]["total_minor"] == 12_000 and approved["data"]["repair"] == ref


def test_what_became_of_a_message_and_what_the_customer_answered(
    channels: Channels, receiver: Receiver
):
    subscribed(channels, receiver, "notification.sent", "notification.skipped", "survey.answered")
    customer = channels.customer(email="ilse@example.com")
    ref = channels.repair(customer)
    channels.settle()
    (sent,) = receiver.events()
    assert sent["type"] == "notification.sent" and sent["data"]["channel"] == "mail"
    assert sent["data"]["template"] == "repair_received" and sent["data"]["repair"] == ref
    assert sent["data"]["customer"] == customer and "body" not in sent["data"]
    rule = {"template": "repair_diagnosing", "is_on": False, "is_quiet": False, "channels": []}
    channels.shop.call("PUT", "/notification-rules", "manager", json=rule)
    move = {"status": "diagnosing"}
    channels.shop.call("POST", f"/repairs/{ref}/updates", "technician", json=move)
    with channels.shop.parts.units() as uow:
        repair_id = uow.session.scalar(text("SELECT id FROM repairs"))
        Surveys(channels.shop.parts.shop).vote(uow, repair_id, 5)
        Surveys(channels.shop.parts.shop).vote(uow, repair_id, 5)
    channels.settle()
    skipped, answered = receiver.events()[1:]
    assert (skipped["type"], skipped["data"]["state"]) == ("notification.skipped", "skipped")
    assert answered["type"] == "survey.answered" and answered["data"]["ref"] == ref
    assert (answered["data"]["rating"], answered["data"]["via"]) == (5, "page")
