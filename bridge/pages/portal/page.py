"""`/me`: the repairs of whoever is signed in, what they were told, and live how much of it is new.

Messages count as seen when the page says so, or by its button: fetching the page alone does nothing.
"""

from __future__ import annotations

import time
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime

from flask import Blueprint, Flask, Response, request
from flask_babel import LazyString
from flask_babel import lazy_gettext as _
from werkzeug.wrappers import Response as Redirect

from bridge import live, streams
from bridge.api.base import close_cursor, open_cursor
from bridge.context import Context, here
from bridge.integrations.mail import blocks
from bridge.integrations.mail.blocks import Block
from bridge.integrations.mail.messages import chosen
from bridge.live import News
from bridge.pages.answers import answer, onward
from bridge.pages.portal import access, signing_in
from bridge.pages.tracking import due, progress
from bridge.pages.tracking.words import FLAG_WORDS, STATUS_WORDS
from bridge.problems import problem
from crm import threads
from crm.core.shop import Shop
from crm.core.uow import UnitOfWork
from crm.customers.models import Customer
from crm.notifications.models import Notification
from crm.portal import messages
from crm.repairs import queries as repairs
from crm.repairs.models import Repair

blueprint = Blueprint("portal", __name__)

MOST_REPAIRS = 50
MESSAGES_A_PAGE = 20
# Whoever was signed out hears nothing after that long.
LONGEST_STREAM_SECONDS = 300.0
CHANNELS: dict[str, LazyString] = {
    "chatwoot": _("in our chat"),
    "whatsapp": _("by WhatsApp"),
    "sms": _("by text message"),
    "mail": _("by e-mail"),
}


@dataclass(frozen=True)
class Job:
    """heading: where the repair stands. step: what waits for the customer."""

    ref: str
    device: str
    heading: LazyString
    meaning: LazyString | None
    link: str
    step: due.Step | None
    received_on: date
    is_open: bool


@dataclass(frozen=True)
class Told:
    """A message as the page shows it. at: when it was sent, or written if it is on its way."""

    id: int
    at: datetime
    channel: str | None
    locale: str
    blocks: list[Block]
    site: str
    known: list[str]

    def leads_to(self, url: str) -> bool:
        """Whether an address may be a link: pages of the shop, and what it chose itself."""
        return blocks.is_ours(url, self.site, self.known)


def init_app(app: Flask, context: Context) -> None:
    def read(customer_ids: Collection[str]) -> dict[str, News]:
        with context.units() as uow:
            return {one: _news(uow, int(one)) for one in customer_ids}

    live.of(app).add(messages.LIVE, read)
    app.register_blueprint(signing_in.blueprint)
    app.register_blueprint(blueprint)


@blueprint.get("/me")
def me() -> Response:
    context = here()
    cursor = request.args.get("cursor")
    with context.units() as uow:
        customer = access.customer(uow)
        if customer is None:
            return signing_in.asking_page()
        told = messages.listed(
            uow, customer.id, limit=MESSAGES_A_PAGE, after=open_cursor(cursor) if cursor else None
        )
        jobs = _jobs(uow, context.shop, customer)
        return answer(
            "pages/me.html",
            is_private=True,
            customer=customer,
            jobs=[job for job in jobs if job.is_open],
            past=[job for job in jobs if not job.is_open],
            messages=[_told(context.shop, one) for one in told.items],
            unseen=messages.unseen_among(uow, [one.id for one in told.items]),
            count=messages.count(uow, customer.id),
            channels=CHANNELS,
            next_cursor=close_cursor(told.next) if told.next else None,
            is_first=cursor is None,
            zone=context.shop.timezone,
            wishes=context.shop.links.preferences(customer.id, uow.now),
            token=access.COOKIE.csrf_token(),
        )


@blueprint.post("/me/seen")
def see() -> Response | Redirect:
    """id: of each message that was on the screen; without any, all of them."""
    which = [int(one) for one in request.form.getlist("id") if one.isdecimal() and len(one) < 19]
    with here().units() as uow:
        customer = access.writer(uow)
        messages.see(uow, customer.id, which[:MESSAGES_A_PAGE] or None)
    return Response(status=204) if which else onward(".me", _anchor="messages")


@blueprint.get("/me/events")
def events() -> Response:
    with here().units() as uow:
        customer = access.customer(uow)
    if customer is None:
        return _nobody()
    ends_at = time.monotonic() + LONGEST_STREAM_SECONDS
    return streams.opened(
        f"{messages.LIVE}:{customer.id}",
        goes_on=lambda: time.monotonic() < ends_at,
        nothing=_nobody,
    )


def _nobody() -> Response:
    return problem(401, "unauthenticated", "you are signed out; sign in again")


def _news(uow: UnitOfWork, customer_id: int) -> News:
    now = messages.count(uow, customer_id)
    return streams.news("messages", {"unread": now.unseen, "newest": now.newest})


def _told(shop: Shop, row: Notification) -> Told:
    site, known = shop.links.public_url, chosen(row.variables)
    read = blocks.read(blocks.tidy(row.body), site=site, known=known)
    at = messages.told_at(row)
    return Told(row.id, at, row.channel, row.locale, read, site, known)


def _jobs(uow: UnitOfWork, shop: Shop, customer: Customer) -> list[Job]:
    found = repairs.listed(uow, customer_id=customer.id, limit=MOST_REPAIRS)
    return [_job(uow, shop, repair) for repair in found.items]


def _job(uow: UnitOfWork, shop: Shop, repair: Repair) -> Job:
    is_open = threads.is_open(repair)
    stands = progress.standing(uow, repair.ref, shop.timezone)
    words = STATUS_WORDS[stands.status]
    return Job(
        ref=repair.ref,
        device=repair.device,
        heading=FLAG_WORDS[stands.ended_by] if stands.ended_by else words.name,
        meaning=None if stands.ended_by else words.meaning,
        link=shop.links.track(repair.id, repair.received_at),
        step=due.of(uow, shop, repair) if is_open else None,
        received_on=repair.received_at.astimezone(shop.timezone).date(),
        is_open=is_open,
    )
