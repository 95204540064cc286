"""Approved templates of a WhatsApp inbox: read there, and what is said once its window is closed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from chatwoot.liquid import escape_liquid
from chatwoot.whatsapp import ReadTemplates, ours
from crm.core.clock import now
from crm.core.events import SYSTEM
from crm.staff import service as staff
from tests.service import Service

WORDS = "Your {{1}} is here, see {{2}}."


def template(name: str = "repair_received", language: str = "en_GB", **more: Any) -> dict[str, Any]:
    body = {"type": "BODY", "text": WORDS, "example": {"body_text": [["device", "link"]]}}
    return {"name": name, "language": language, "status": "APPROVED", "category": "UTILITY",
            "components": [body, {"type": "FOOTER", "text": "Quay Phones"}]} | more  # fmt: skip


def read(*templates: Any) -> list[Any]:
    return ours(7, {"message_templates": list(templates)}, now())


@pytest.fixture
def number(mendline: Service) -> int:
    return mendline.open_thread()


@pytest.fixture
def inbox(mendline: Service, number: int) -> Iterator[dict[str, Any]]:
    """The sandbox's own, as a WhatsApp inbox with one template."""
    store = mendline.sandbox.store
    before = dict(store.all("inbox")[0])
    with store.transaction():
        row = store.all("inbox")[0]
        row |= {"channel": "whatsapp", "telephone": {"message_templates": [template()]}}
        store.save("inbox", row)
    yield row
    with store.transaction():
        row.clear()
        row.update(before)
        store.save("inbox", row)


def api(mendline: Service, role: str, method: str, path: str) -> Any:
    with mendline.units() as uow:
        key = staff.create_key(uow, mendline.parts.seal, SYSTEM, name=role, role=role).key
    headers = {"Authorization": f"Bearer {key}"}
    return mendline.http.open(f"/api/v1/whatsapp-templates{path}", method=method, headers=headers)


def synced(mendline: Service) -> int:
    return ReadTemplates(mendline.parts.client, mendline.units).run()


def close_window(mendline: Service, number: int) -> None:
    with mendline.sandbox.store.transaction():
        row = mendline.sandbox.store.get("conversation", number)
        row["can_reply"] = False
        mendline.sandbox.store.save("conversation", row)
    mendline.table("UPDATE conversations SET can_reply = false RETURNING 1")


def test_they_are_read_on_demand_and_shown(mendline: Service, inbox):
    assert api(mendline, "desk", "POST", "/sync").status_code == 403
    assert api(mendline, "manager", "POST", "/sync").status_code == 202
    mendline.settle()
    (told,) = api(mendline, "viewer", "GET", "/inboxes").json["data"]
    assert (told["inbox_id"], told["name"], told["locale"]) == (
        inbox["id"],
        "repair_received",
        "en",
    )
    assert (told["words"], told["variables"], told["problem"]) == (WORDS, ["device", "link"], None)


def test_it_is_a_duty_of_the_scheduler(mendline: Service):
    duties = {one.name for row in mendline.parts.integrations for one in row.schedules}
    assert "chatwoot.templates" in duties


def test_what_is_gone_there_is_gone_here(mendline: Service, inbox):
    assert synced(mendline) == 1
    for rows in ([template(status="PAUSED")], [], None, "x"):
        inbox["telephone"] = {"message_templates": rows}
        assert synced(mendline) == 0 and mendline.count("inbox_templates") == 0


def test_a_failing_chatwoot_leaves_them_as_they_are(mendline: Service, inbox):
    synced(mendline)
    mendline.faults.change({"api_status_next": [{"status": 503, "count": 50}]})
    api(mendline, "manager", "POST", "/sync")
    mendline.settle()
    mendline.faults.change({"api_status_next": []})
    assert mendline.count("inbox_templates") == 1


def test_outside_the_window_the_template_is_said(mendline: Service, number: int, inbox):
    key = mendline.shop_key()
    synced(mendline)
    close_window(mendline, number)
    mendline.report(
        key, "repair.created", external_id="A-1", device="{{x}} {{2}}", conversation_id=number
    )
    mendline.settle()
    assert mendline.table("SELECT channel, state FROM notifications") == [("chatwoot", "sent")]
    sent = mendline.sent(number)
    params = mendline.sandbox.store.get("message", sent["id"])["additional_attributes"][
        "template_params"
    ]
    link = params["processed_params"].pop("2")
    device = escape_liquid("{{x}} {{2}}")
    assert sent["content"] == f"Your {device} is here, see {link}." and "/track/" in link
    assert params == {"name": "repair_received", "category": "UTILITY", "language": "en_GB",
                      "processed_params": {"1": device}}  # fmt: skip


def test_inside_the_window_our_own_words_are_said(mendline: Service, number: int, inbox):
    key = mendline.shop_key()
    synced(mendline)
    mendline.report(
        key, "repair.created", external_id="A-1", device="Pixel 8", conversation_id=number
    )
    mendline.settle()
    sent = mendline.sent(number)
    assert "We have received" in sent["content"]
    assert mendline.sandbox.store.get("message", sent["id"])["additional_attributes"] == {}


def test_without_a_template_it_says_why_not(mendline: Service, number: int, inbox):
    key = mendline.shop_key()
    close_window(mendline, number)
    mendline.report(key, "repair.created", external_id="A-1", conversation_id=number)
    mendline.settle()
    (refusals,) = mendline.column("SELECT refusals FROM notifications")
    assert refusals == {"chatwoot": "its window for answers is closed"}


def test_named_slots_and_those_of_twilio():
    body = {"type": "BODY", "text": "{{device}}: {{ link }}, {{device}}"}
    (named,) = read(template(components=[body]))
    assert (named.variables, named.problem) == (["device", "link"], None)
    twilio = {"content_sid": "HX1", "friendly_name": "repair_received", "language": "pt",
              "status": "approved", "category": "utility", "template_type": "text", "body": WORDS,
              "variables": {"1": "device", "2": "link"}}  # fmt: skip
    (row,) = ours(
        7, {"content_templates": {"templates": [twilio, {**twilio, "status": "x"}]}}, now()
    )
    assert (row.locale, row.content_sid, row.variables) == ("pt", "HX1", ["device", "link"])


@pytest.mark.parametrize(
    ("more", "problem"),
    [
        ({"components": [{"type": "BODY", "text": "{{1}} {{2}}"}]}, "{{1}}, {{2}}"),
        ({"components": [{"type": "BODY", "text": "{{secret}}"}]}, "{{secret}}"),
        ({"components": [{"type": "HEADER", "format": "IMAGE"}]}, "header or a button"),
        ({"components": [{"type": "BUTTONS", "buttons": [{"url": "https://x/{{1}}"}]}]}, "button"),
    ],
)
def test_one_that_cannot_be_filled_says_why(more, problem):
    (row,) = read(template(**more))
    assert problem in row.problem and row.variables == []


def test_the_language_we_write_counts_first():
    (row,) = read(template(language="en_US"), template(language="en_GB"), template(language="en"))
    assert row.language == "en_GB"
    broken = template(language="en_GB", components=[{"type": "BODY", "text": "{{1}}"}])
    (row,) = read(template(language="en_US"), broken)
    assert (row.language, row.problem) == ("en_US", None)


@pytest.mark.parametrize(
    "raw",
    [None, 7, "x", [], {}, {"name": 1}, template(name="hello_world"), template(language="xx"),
     template(components=None), template(components=[7]), template(name="note_entry"),
     template(name="x" * 10_000), template(status=None)],
)  # fmt: skip
def test_what_is_none_of_ours_or_broken_is_left_out(raw):
    assert [row.name for row in read(raw, template())] == ["repair_received"]


def test_hostile_words_are_kept_as_words():
    body = {"type": "BODY", "text": "<script>{% x %}\x00שלום {{device}}" + "x" * 10_000}
    (row,) = read(template(components=[body]))
    assert row.words.startswith("<script>{% x %}שלום {{device}}") and len(row.words) == 4096
