"""Every page for staff in Portuguese, in a real browser: no English sentence is left on it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from babel.messages.pofile import read_po
from flask import Flask
from playwright.sync_api import Page

import app as composition
from app import Mendline
from bridge import admin, limits, notices
from crm.agreements.models import Agreement, Purpose
from crm.core import inbox, outbox
from crm.core.events import SYSTEM
from crm.core.inbox import InboxRow
from crm.core.outbox import OutboxRow
from crm.core.uow import UnitOfWork
from crm.notices import service as posting
from crm.repairs import service as repairs
from crm.repairs.service import Address
from crm.repairs.statuses import RepairFlag
from crm.staff import service as staff
from crm.staff import sessions
from jobs.destinations import Destination
from jobs.scheduler import ScheduleRow
from tests import builders
from tests.browser.conftest import TILL, served

pytestmark = pytest.mark.browser

SCREENS = [(390, "light"), (1280, "dark")]
DEVICE = "Samsung Galaxy Tab S9 Ultra 5G (SM-X916B), 512 GB"
CATALOGUE = Path(admin.__file__).parents[1] / "translations" / "pt" / "LC_MESSAGES" / "messages.po"
LONG = 12
# With its many frames: test_messages_page.py.
LOOKED_AT_ELSEWHERE = ("admin.messages", "admin.mail_example")
# What is read or read aloud, without what is marked as English: reasons, as they stand in the log.
READ = """() => {
  const own = one => one.closest("[lang]").lang === "pt";
  const heard = ["alt", "aria-label", "placeholder", "title"];
  const texts = [document.title];
  for (const one of document.body.querySelectorAll("*")) {
    if (!own(one) || one.closest("script")) continue;
    for (const name of heard) if (one.hasAttribute(name)) texts.push(one.getAttribute(name));
    for (const node of one.childNodes) if (node.nodeType === Node.TEXT_NODE) texts.push(node.data);
  }
  return texts;
}"""


def sentences() -> Iterator[str]:
    """Every English one that reads otherwise in Portuguese; of one with gaps its longest part."""
    with open(CATALOGUE, "rb") as file:
        catalogue = read_po(file)
    for message in catalogue:
        if message.id and message.string != message.id:
            parts = re.split(r"%\(\w+\)s", message.id.replace("%%", "%"))
            yield max(parts, key=len).strip()


ENGLISH = [sentence for sentence in sentences() if len(sentence) > LONG]


def english(page: Page) -> list[str]:
    read = "\n".join(" ".join(text.split()) for text in page.evaluate(READ))
    return [sentence for sentence in ENGLISH if sentence in read]


@pytest.fixture
def edge(mendline: Mendline) -> Flask:
    return composition.edge(mendline)


@pytest.fixture
def site(edge: Flask) -> Iterator[str]:
    with served(edge) as url:
        limits.limiter.reset()
        yield url


@pytest.fixture
def full(mendline: Mendline) -> dict[str, str]:
    """A shop where something of every kind happened. Returns the pages by endpoint."""
    with mendline.units() as uow:
        person = staff.create_staff(uow, SYSTEM, email="a@b.example", name="Rosa", role="admin")
        link = sessions.create_link(uow, SYSTEM, person)
        ref = _repair(uow)
        for number, kind in enumerate(notices.WORDS):
            posting.post(uow, str(number), kind, "desk", _about(ref))
        incoming, outgoing = _rows(uow)
        _duties(uow)
    return {
        "admin.sign_in_page": f"/admin/sign-in/{link}",
        "admin.overview": "/admin",
        "admin.rows": "/admin/outbox?state=",
        "admin.row": f"/admin/outbox/{outgoing}",
        "deliveries": "/admin/inbox?state=",
        "delivery": f"/admin/inbox/{incoming}",
        "admin.repairs": "/admin/repairs",
        "admin.repair": f"/admin/repairs/{ref}",
        "admin.notice_list": "/admin/notices",
        "admin.messages": "/admin/messages",
        "admin.mail_example": "/admin/messages/repair_received/mail?locale=pt",
        "admin.signed_out": "/admin/signed-out",
    }


def _repair(uow: UnitOfWork) -> str:
    repair = builders.repair(uow, device=DEVICE, problem="‮Vidro partido", technician="Sam Harker")
    repairs.set_flags(uow, Address(ref=repair.ref), list(RepairFlag), TILL)
    for purpose, values in (
        (Purpose.DROP_OFF, {"voided_at": uow.now}),
        (Purpose.DROP_OFF, {"sent_at": uow.now}),
        (Purpose.COLLECTION, {}),
    ):
        asked = Agreement(repair_id=repair.id, purpose=purpose, requested_by="Rosa", **values)
        asked.created_at = uow.now
        uow.session.add(asked)
    return repair.ref


def _about(ref: str) -> dict[str, object]:
    return {
        "ref": "QUO-2611-7K3QD", "repair": ref, "amount_minor": 12900, "currency": "EUR",
        "rating": 1, "what": "chatwoot.message", "row": 1, "template": "repair_received",
        "due_at": "2026-11-28T12:00:00+00:00", "starts_at": "2026-11-28T12:00:00+00:00",
        "promised_on": "2026-11-28",
    }  # fmt: skip


def _rows(uow: UnitOfWork) -> tuple[int, int]:
    """One of every state; the ids of a dead delivery and of an effect in doubt."""
    ins = {
        state: InboxRow(
            source="shop", sender="key_1", type="repair.created", subject=f"r/{number}",
            delivery_key=str(number), body=b'{"note": "x"}', body_hash="0", state=state,
            reason="the body does not fit", received_at=uow.now - timedelta(hours=2),
        )
        for number, state in enumerate(inbox.STATES)
    }  # fmt: skip
    outs = {
        state: OutboxRow(
            kind="chatwoot.message", mode=(outbox.SEND, outbox.SYNC)[number % 2],
            effect_key=f"told-{number}", destination="chatwoot", lane=f"conversation/{number}",
            body={"content": "x" * 200}, state=state, reason="no answer", created_at=uow.now,
            due_at=uow.now - timedelta(minutes=number),
        )
        for number, state in enumerate(outbox.STATES)
    }  # fmt: skip
    uow.session.add_all([*ins.values(), *outs.values()])
    uow.session.flush()
    return ins[inbox.DEAD].id, outs[outbox.UNSURE].id


def _duties(uow: UnitOfWork) -> None:
    closed = uow.now + timedelta(hours=1)
    uow.session.add(Destination(name="chatwoot", closed_until=closed, reason="401"))
    before = uow.now - timedelta(minutes=5)
    for name, values in {
        "core.forget": {"finished_at": before},
        "files.sweep": {},
        "mail.bounces": {"finished_at": before, "error": "the server does not answer"},
    }.items():
        uow.session.add(ScheduleRow(name=name, started_at=before, **values))


@pytest.mark.parametrize(("width", "scheme"), SCREENS)
def test_every_page_is_in_portuguese(edge, site, full, visit, looks_well, width, scheme):
    views = {
        rule.endpoint
        for rule in edge.url_map.iter_rules()
        if rule.endpoint.startswith("admin.") and "GET" in rule.methods
    }
    assert views <= set(full), "open this page here as well"
    one = visit(width, scheme, "pt-PT")
    for name, path in full.items():
        one.open(site + path)
        assert one.page.evaluate("document.documentElement.lang") == "pt", name
        assert english(one.page) == [], name
        if name in LOOKED_AT_ELSEWHERE:
            assert not one.is_too_wide(), name
        else:
            looks_well(one)
        if name == "admin.sign_in_page":
            one.page.locator("main button").click()
            one.page.wait_for_url(f"{site}/admin")


def test_every_fault_is_in_portuguese(site, full, visit):
    one = visit(locale="pt-PT")
    one.open(f"{site}/admin")
    one.page.get_by_role("heading", name="Inicie sessão, por favor").wait_for()
    assert english(one.page) == []
    one.open(site + full["admin.sign_in_page"])
    one.page.locator("main button").click()
    one.page.wait_for_url(f"{site}/admin")
    used, csrf = full["admin.sign_in_page"], "input[name=csrf_token]"
    for path in (used, "/admin/repairs/nobody", "/nowhere", "/admin/repairs?cursor=x"):
        one.open(site + path)
        assert one.page.evaluate("document.documentElement.lang") == "pt", path
        assert english(one.page) == [], path

    one.open(site + full["admin.repair"])
    one.page.locator("#place").fill("A3")
    one.page.locator(csrf).evaluate_all("all => all.forEach(one => one.value = 'x')")
    one.page.get_by_role("button", name="Colocar lá").click()
    one.page.get_by_role("heading", name="Este formulário já não é válido").wait_for()
    assert english(one.page) == []


def test_english_words_would_be_found(site, full, visit):
    one = visit(locale="en-GB")
    one.open(site + full["admin.sign_in_page"])
    one.page.evaluate("document.documentElement.lang = 'pt'")
    assert "This link signs you in on this device for twelve hours. It works once." in english(
        one.page
    )
