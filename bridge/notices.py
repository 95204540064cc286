"""Notices as staff see them: words in their language, and the place where each leads.

The same for the API, the page and its stream. A notice leads to the conversation it is about, else
to our own page of its record; some have neither.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from babel.dates import format_date, format_datetime
from flask import Flask, g, url_for
from flask_babel import LazyString, get_locale
from flask_babel import lazy_gettext as _
from sqlalchemy import select

from bridge import languages, live, streams
from bridge.auth import principal
from bridge.context import Context, here
from bridge.live import News
from bridge.pages.answers import money
from crm.core import clock
from crm.core.uow import UnitOfWork
from crm.customers.models import Customer
from crm.notices import queries
from crm.notices.models import Notice
from crm.notices.service import LIVE, Reader
from crm.notifications import texts
from crm.repairs.models import TicketRepair
from crm.tickets.models import Conversation

WORDS: dict[str, LazyString] = {
    "ticket.opened": _("New ticket %(ref)s"),
    "ticket.assigned": _("The conversation of %(ref)s was assigned to you"),
    "quote.approved": _("Quote %(ref)s for %(repair)s was approved: %(amount)s"),
    "quote.declined": _("Quote %(ref)s for %(repair)s was declined"),
    "payment.completed": _("Payment %(ref)s received: %(amount)s"),
    "payment.failed": _("A payment failed (%(ref)s)"),
    "payment.mismatched": _("Payment %(ref)s does not match what was asked for: please look"),
    "payment.deposit_to_return": _("%(amount)s is to be returned: %(repair)s ended early"),
    "refund.requested": _("Refund %(ref)s of %(amount)s waits for a second person"),
    "refund.failed": _("Refund %(ref)s of %(amount)s failed"),
    "dispute.opened": _("Dispute %(ref)s about %(amount)s: evidence is due by %(due_at)s"),
    "survey.rated_low": _("Repair %(repair)s was rated %(rating)s of 5"),
    "repair.promise_at_risk": _("The date promised for %(repair)s is at risk: %(promised_on)s"),
    "booking.received": _("New booking %(ref)s: %(starts_at)s"),
    "booking.cancelled": _("Booking %(ref)s was cancelled: %(starts_at)s"),
    "customer.wish_heard": _("“Cancel” stopped all texts, and may have meant a booking: %(ref)s"),
    "message.failed": _("A message reached nobody on any channel: “%(message)s”"),
    "effect.died": _("Something could not be done: %(effect)s"),
    "delivery.died": _("Something that came in could not be worked on: %(delivery)s"),
}
# By the part of an effect's kind before the dot, and by the first word of a delivery's source.
EFFECTS: dict[str, LazyString] = {
    "chatwoot": _("a change in Chatwoot"),
    "stripe": _("a step of a payment with Stripe"),
    "files": _("the fetching of a picture"),
    "webhooks": _("an event for a shop system"),
}
DELIVERIES: dict[str, LazyString] = {
    "chatwoot": _("news from Chatwoot"),
    "stripe": _("news from Stripe"),
    "twilio": _("a text message, or news of one"),
    "mail": _("an e-mail that came back"),
    "shop": _("news from a shop system"),
    "self": _("work that was due here"),
}


def init_app(app: Flask, context: Context) -> None:
    def read(scopes: Collection[str]) -> dict[str, News]:
        with context.units() as uow:
            readers = {scope: queries.reader_of(uow, scope) for scope in scopes}
            return {scope: _news(uow, who) for scope, who in readers.items() if who is not None}

    live.of(app).add(LIVE, read)


@dataclass(frozen=True)
class Shown:
    """device, customer: None when it is about none. url: a page for people, None where there is none."""

    id: int
    kind: str
    text: str
    device: str | None
    customer: str | None
    url: str | None
    is_read: bool
    at: datetime


def reader() -> Reader:
    """Who calls. Raises Unauthenticated."""
    who = principal()
    return Reader(who.scope, who.role, int(who.id) if who.kind == "staff" else None)


def shown(uow: UnitOfWork, who: Reader, rows: Sequence[Notice]) -> list[Shown]:
    read = queries.read_among(uow, who, [row.id for row in rows])
    names = _names(uow, {row.customer_id for row in rows if row.customer_id is not None})
    leads = _conversations(uow, rows)
    return [
        Shown(
            id=row.id,
            kind=row.kind,
            text=text(row),
            device=row.about.get("device") or None,
            customer=names.get(row.customer_id or 0) or None,
            url=_messages_of(row) or leads.get(row.id) or _own_place(row),
            is_read=row.id in read,
            at=row.at,
        )
        for row in rows
    ]


def text(row: Notice) -> str:
    about = row.about
    what = about.get("what", "")
    values = {
        **about,
        "amount": money(about["amount_minor"], about["currency"])
        if "amount_minor" in about
        else "",
        "repair": about.get("repair") or about.get("ref", ""),
        "due_at": _moment(about.get("due_at")),
        "starts_at": _moment(about.get("starts_at")),
        "promised_on": _day(about.get("promised_on")),
        "message": subject(about.get("template", ""), about.get("ref") or about.get("repair")),
        "effect": EFFECTS.get(what.partition(".")[0], what),
        "delivery": DELIVERIES.get(re.split("[ -]", what)[0], what),
    }
    return str(WORDS[row.kind]) % values


def count() -> queries.Count:
    """Of whoever calls; asked once for a page."""
    if "notice_count" not in g:
        with here().units() as uow:
            g.notice_count = queries.count(uow, reader())
    return g.notice_count


def _news(uow: UnitOfWork, who: Reader) -> News:
    now = queries.count(uow, who)
    newest = uow.session.get(Notice, now.newest) if now.newest else None
    latest = {"id": newest.id, "kind": newest.kind, "at": clock.iso(newest.at)} if newest else None
    return streams.news("notices", {"unread": now.unread, "newest": latest})


def _names(uow: UnitOfWork, ids: Collection[int]) -> dict[int, str]:
    rows = uow.session.execute(select(Customer.id, Customer.name).where(Customer.id.in_(ids)))
    return {row.id: row.name for row in rows}


def _conversations(uow: UnitOfWork, rows: Sequence[Notice]) -> dict[int, str]:
    """Notice -> the address of the conversation that was active last."""
    base = here().settings.chatwoot.url
    if not base:
        return {}
    tickets = {row.ticket_id for row in rows if row.ticket_id is not None}
    repairs = {row.repair_id for row in rows if row.repair_id is not None}
    linked = select(TicketRepair.ticket_id, TicketRepair.repair_id).where(
        TicketRepair.repair_id.in_(repairs)
    )
    ticket_of_repair = {row.repair_id: row.ticket_id for row in uow.session.execute(linked)}
    talked = (
        select(Conversation)
        .where(Conversation.ticket_id.in_(tickets | set(ticket_of_repair.values())))
        .order_by(Conversation.last_activity_at)
    )
    found = {
        one.ticket_id: f"{base}/app/accounts/{one.account_id}/conversations/{one.number}"
        for one in uow.session.scalars(talked)
    }
    return {
        row.id: found[ticket_id]
        for row in rows
        if (ticket_id := row.ticket_id or ticket_of_repair.get(row.repair_id or 0)) in found
    }


def _messages_of(row: Notice) -> str | None:
    """Where it stands why a message failed, and what can be done."""
    if row.kind != "message.failed" or "repair" not in row.about:
        return None
    return url_for("admin.repair", ref=row.about["repair"], _anchor="messages")


def _own_place(row: Notice) -> str | None:
    subject = row.kind.partition(".")[0]
    if repair := row.about.get("repair"):
        return url_for("admin.repair", ref=repair)
    if subject in ("effect", "delivery"):
        table = "outbox" if subject == "effect" else "inbox"
        return url_for("admin.row", table=table, row_id=row.about["row"])
    return None


def subject(template: str, ref: str | None) -> str:
    """The subject line of a message about `ref`; its name when it is not written any more."""
    locale = languages.chosen()
    if not (texts.TEMPLATES / locale / f"{template}.subject").exists():
        return template
    return texts.render(locale, template, "subject", {"shop": here().shop.name, "ref": ref or ""})


def _moment(given: Any) -> str:
    if not given:
        return "–"
    zone = here().shop.timezone
    return format_datetime(datetime.fromisoformat(given), "medium", zone, get_locale())


def _day(given: Any) -> str:
    return format_date(date.fromisoformat(given), "long", get_locale()) if given else "–"
