"""The later steps of booking: how we get the device, when, and how the guest is reached."""

from __future__ import annotations

from typing import Any

from flask import Response, request
from marshmallow import ValidationError
from werkzeug.wrappers import Response as Redirect

from bridge import languages
from bridge.auth import refuse_foreign_form
from bridge.context import here
from bridge.limits import BOOKING, BOOKING_PAGES, limiter
from bridge.pages.answers import onward
from bridge.pages.booking import forms, views
from bridge.pages.booking.access import (
    GUEST,
    TOKEN,
    after_step,
    blueprint,
    code_channels,
    draft,
    step_page,
    zone_of,
)
from bridge.pages.booking.forms import CODES, TRAP, Problem
from crm import price_history
from crm.bookings import choices, drafts, proofs, service
from crm.bookings.models import Booking
from crm.bookings.reservations import SlotTaken
from crm.core.errors import Conflict, Forbidden, Invalid, TooMany
from crm.core.uow import UnitOfWork
from crm.locations import queries as locations
from crm.locations.models import Location

# A slot that went meanwhile; told on the page of the times, which the guest is led to.
GONE = {"slot-taken", "slot-past", "slot-too-soon", "slot-too-far", "closed", "slot-not-offered"}


@blueprint.get(f"/book/{TOKEN}/place")
@limiter.limit(BOOKING_PAGES)
def place(token: str) -> Response:
    with here().units() as uow:
        return _place_page(uow, draft(uow, token))


@blueprint.post(f"/book/{TOKEN}/place")
@limiter.limit(BOOKING_PAGES)
def save_place(token: str) -> Response | Redirect:
    refuse_foreign_form()
    form = request.form
    try:
        given: dict[str, Any] = {name: form[name] for name in ("location", "way") if form.get(name)}
        if form.get("way") in drafts.WITH_ADDRESS:
            given["hand_over"] = forms.hand_over(form)
        given["services"] = form.getlist("services")
        fields = forms.change(given)
        with here().units() as uow:
            booking = draft(uow, token, for_update=True)
            drafts.change(uow, booking, fields)
            following = after_step(uow, booking, "place")
        return onward(following, token=token)
    except (ValidationError, Invalid) as error:
        problem = forms.told(error)
    with here().units() as uow:
        return _place_page(uow, draft(uow, token), problem)


@blueprint.get(f"/book/{TOKEN}/time")
@limiter.limit(BOOKING_PAGES)
def time(token: str) -> Response:
    gone = request.args.get("gone")
    with here().units() as uow:
        problem = Problem(CODES[gone], status=200) if gone in GONE else None
        return _time_page(uow, draft(uow, token), problem)


@blueprint.post(f"/book/{TOKEN}/time")
@limiter.limit(BOOKING_PAGES)
def save_time(token: str) -> Response | Redirect:
    """Only noted: the slot is taken when the guest has said who they are."""
    refuse_foreign_form()
    try:
        wanted = forms.moment(request.form.get("starts_at", ""))
        with here().units() as uow:
            booking = draft(uow, token, for_update=True)
            drafts.choose_start(uow, booking, wanted)
        return onward("booking.contact", token=token)
    except ValidationError:
        problem = forms.faults("starts_at")
    except (Invalid, SlotTaken) as error:
        problem = forms.told(error)
    with here().units() as uow:
        return _time_page(uow, draft(uow, token), problem)


@blueprint.get(f"/book/{TOKEN}/contact")
@limiter.limit(BOOKING_PAGES)
def contact(token: str) -> Response | Redirect:
    with here().units() as uow:
        booking = draft(uow, token)
        if booking.starts_at is None:
            return onward("booking.show", token=token)
        return _contact_page(uow, booking)


@blueprint.post(f"/book/{TOKEN}/contact")
@limiter.limit(BOOKING, deduct_when=lambda response: response.status_code == 303)
def save_contact(token: str) -> Response | Redirect:
    """Take the slot and send the code. Sent twice it is taken once."""
    refuse_foreign_form()
    try:
        if request.form.get(TRAP):
            raise Conflict("filled in by a program", code="trap")
        fields = forms.contact(request.form)
        _check_reach(fields)
        with here().units() as uow:
            # What was typed is kept even when the slot is gone or the price has changed.
            booking = draft(uow, token, for_update=True)
            drafts.change(uow, booking, {**fields, "locale": languages.chosen()})
            if choices.renew_prices(uow, booking, price_history.percents):
                return _contact_page(uow, booking, Problem(CODES["prices-renewed"], status=409))
        with here().units() as uow:
            booking = draft(uow, token, for_update=True)
            if not drafts.is_invited(uow, booking):
                drafts.invite(uow, booking, request.form.get("invite_code", "")[:80])
        with here().units() as uow:
            _take(uow, draft(uow, token, for_update=True))
        return onward("booking.show", token=token)
    except (ValidationError, Invalid, Conflict, Forbidden, TooMany) as error:
        if (code := getattr(error, "code", None)) in GONE:
            return onward("booking.time", token=token, gone=code)
        problem = forms.told(error)
    with here().units() as uow:
        return _contact_page(uow, draft(uow, token), problem)


def _take(uow: UnitOfWork, booking: Booking) -> None:
    channels = code_channels()
    can_be_proven = proofs.channel_for(booking, channels) is not None
    service.submit(uow, booking, GUEST, can_be_proven=can_be_proven)
    if can_be_proven:
        proofs.send_code(uow, here().seal, here().shop, booking, channels)


def _check_reach(fields: dict[str, Any]) -> None:
    """Raises Invalid when no code can reach the guest although one could be sent."""
    email, phone, channels = fields["email"], fields["phone"], code_channels()
    if not email and not phone:
        missing = {("email",): "no-email", ("phone",): "no-phone"}
        raise Invalid("no address", code=missing.get(channels, "no-reach"))
    if channels and not (email and proofs.EMAIL in channels or phone and proofs.PHONE in channels):
        raise Invalid("no code", code="no-email" if proofs.EMAIL in channels else "no-phone")


def _place_page(uow: UnitOfWork, booking: Booking, problem: Problem | None = None) -> Response:
    here_now = uow.session.get_one(Location, booking.location_id)
    extras = {service["slug"] for service in booking.services}
    if request.method == "POST":
        extras = set(request.form.getlist("services"))
    return step_page(
        uow, booking, "place", problem,
        places=locations.active(uow), place=here_now, ways=views.WAYS,
        with_address=drafts.WITH_ADDRESS, extras=extras,
    )  # fmt: skip


def _time_page(uow: UnitOfWork, booking: Booking, problem: Problem | None = None) -> Response:
    wanted = forms.day(request.args.get("from"))
    if wanted is None and problem and booking.starts_at and booking.starts_at > uow.now:
        wanted = booking.starts_at.astimezone(zone_of(uow, booking)).date()
    days, first, earlier, later = views.first_days(uow, booking, wanted)
    return step_page(
        uow, booking, "time", problem, days=days, first=first, earlier=earlier, later=later
    )


def _contact_page(uow: UnitOfWork, booking: Booking, problem: Problem | None = None) -> Response:
    return step_page(
        uow, booking, "contact", problem,
        channels=code_channels(), needs_invite=not drafts.is_invited(uow, booking),
    )  # fmt: skip
