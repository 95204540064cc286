"""`/book/<token>`: a booking by its link. A draft goes on where it was left, a held one asks for the
code, a firm one can be moved, cancelled and put into a calendar.
"""

from __future__ import annotations

from flask import Response, request, session
from marshmallow import ValidationError
from werkzeug.wrappers import Response as Redirect

from bridge.api.booking_schemas import Code
from bridge.auth import refuse_foreign_form
from bridge.context import here
from bridge.limits import BOOKING_PAGES, limiter
from bridge.pages import widget
from bridge.pages.answers import answer, onward
from bridge.pages.booking import forms, steps, views
from bridge.pages.booking.access import (
    GUEST,
    TOKEN,
    blueprint,
    code_channels,
    opened,
    zone_of,
)
from bridge.pages.booking.forms import Problem
from crm.bookings import proofs, service
from crm.bookings.models import Booking
from crm.bookings.reservations import SlotTaken
from crm.bookings.rules import BookingStatus
from crm.core.errors import Conflict, Invalid, TooMany
from crm.core.uow import UnitOfWork
from crm.customers.models import Customer

PROVEN = "proven_bookings"
MOST_PROVEN = 10


@blueprint.get(f"/book/{TOKEN}")
@limiter.limit(BOOKING_PAGES)
def show(token: str) -> Response | Redirect:
    with here().units() as uow:
        booking = opened(uow, token)
        if booking.status == BookingStatus.DRAFT:
            step, values = steps.first_open(uow, booking)
            return onward(f"booking.{step}", token=token, **values)
        return _page(uow, booking, token)


@blueprint.post(f"/book/{TOKEN}/code")
@limiter.limit(BOOKING_PAGES)
def try_code(token: str) -> Response | Redirect:
    """A wrong code is counted even though it is refused: its own unit."""
    refuse_foreign_form()
    try:
        given = Code().load({"code": request.form.get("code", "")})["code"]
        with here().units() as uow:
            booking = opened(uow, token, for_update=True)
            if booking.status != BookingStatus.PENDING:
                return onward("booking.show", token=token)
            proof = proofs.try_code(uow, booking, given)
        if proof is None:
            raise Invalid("wrong code", code="wrong-code")
        with here().units() as uow:
            booking = opened(uow, token, for_update=True)
            service.confirm(uow, booking, GUEST, proof=proof)
            session[PROVEN] = [*session.get(PROVEN, [])[1 - MOST_PROVEN :], booking.id]
        return onward("booking.show", token=token)
    except SlotTaken as error:
        with here().units() as uow:
            service.reopen(uow, opened(uow, token, for_update=True), GUEST)
        return onward("booking.time", token=token, gone=error.code)
    except ValidationError:
        problem = forms.faults("code")
    except (Invalid, Conflict) as error:
        problem = forms.told(error)
    with here().units() as uow:
        return _page(uow, opened(uow, token), token, problem)


@blueprint.post(f"/book/{TOKEN}/code/again")
@limiter.limit(BOOKING_PAGES)
def send_again(token: str) -> Response | Redirect:
    refuse_foreign_form()
    try:
        with here().units() as uow:
            booking = opened(uow, token, for_update=True)
            if booking.status == BookingStatus.PENDING:
                proofs.send_code(uow, here().seal, here().shop, booking, code_channels())
        return onward("booking.show", token=token, sent=1)
    except (TooMany, Conflict) as error:
        problem = forms.told(error)
    with here().units() as uow:
        return _page(uow, opened(uow, token), token, problem)


@blueprint.post(f"/book/{TOKEN}/reopen")
@limiter.limit(BOOKING_PAGES)
def reopen(token: str) -> Redirect:
    """Back to the last step, with everything that was typed."""
    refuse_foreign_form()
    with here().units() as uow:
        booking = opened(uow, token, for_update=True)
        if booking.status == BookingStatus.PENDING:
            service.reopen(uow, booking, GUEST)
    return onward("booking.show", token=token)


@blueprint.get(f"/book/{TOKEN}/move")
@limiter.limit(BOOKING_PAGES)
def move(token: str) -> Response | Redirect:
    with here().units() as uow:
        return _move_page(uow, opened(uow, token), token)


@blueprint.post(f"/book/{TOKEN}/move")
@limiter.limit(BOOKING_PAGES)
def save_move(token: str) -> Response | Redirect:
    refuse_foreign_form()
    try:
        wanted = forms.moment(request.form.get("starts_at", ""))
        with here().units() as uow:
            service.reschedule(uow, opened(uow, token, for_update=True), wanted, GUEST)
        return onward("booking.show", token=token, moved=1)
    except ValidationError:
        problem = forms.faults("starts_at")
    except (Invalid, SlotTaken) as error:
        problem = forms.told(error)
    except Conflict:
        return onward("booking.show", token=token)
    with here().units() as uow:
        return _move_page(uow, opened(uow, token), token, problem)


@blueprint.get(f"/book/{TOKEN}/cancel")
@limiter.limit(BOOKING_PAGES)
def ask_cancel(token: str) -> Response | Redirect:
    with here().units() as uow:
        booking = opened(uow, token)
        if not _can_change(uow, booking):
            return onward("booking.show", token=token)
        summary = views.summary(uow, booking)
        return answer("pages/book_cancel.html", is_private=True, token=token, summary=summary)


@blueprint.post(f"/book/{TOKEN}/cancel")
@limiter.limit(BOOKING_PAGES)
def cancel(token: str) -> Redirect:
    refuse_foreign_form()
    with here().units() as uow:
        booking = opened(uow, token, for_update=True)
        if _can_change(uow, booking):
            service.cancel(uow, booking, GUEST, "")
    return onward("booking.show", token=token)


def _can_change(uow: UnitOfWork, booking: Booking) -> bool:
    """A slot that has begun is for the shop to move or give up."""
    holding = booking.status in (BookingStatus.PENDING, BookingStatus.CONFIRMED)
    return holding and booking.starts_at > uow.now


def _page(
    uow: UnitOfWork, booking: Booking, token: str, problem: Problem | None = None
) -> Response:
    is_proven = booking.id in session.get(PROVEN, ()) and booking.customer_id is not None
    if is_proven:
        customer = uow.session.get_one(Customer, booking.customer_id)
        widget.introduce(customer.ref, booking.name)
    channel = proofs.channel_for(booking, code_channels())
    return answer(
        "pages/booking.html",
        problem.status if problem else 200,
        is_private=True,
        token=token,
        summary=views.summary(uow, booking),
        booking=booking,
        problem=problem,
        address=booking.email if channel == proofs.EMAIL else booking.phone,
        channel=channel,
        can_change=_can_change(uow, booking),
        ways=views.WAYS,
        sent="sent" in request.args,
        moved="moved" in request.args,
    )


def _move_page(
    uow: UnitOfWork, booking: Booking, token: str, problem: Problem | None = None
) -> Response | Redirect:
    if not _can_change(uow, booking):
        return onward("booking.show", token=token)
    wanted = forms.day(request.args.get("from"))
    if wanted is None:
        wanted = booking.starts_at.astimezone(zone_of(uow, booking)).date()
    days, first, earlier, later = views.first_days(uow, booking, wanted)
    return answer(
        "pages/book_move.html",
        problem.status if problem else 200,
        is_private=True,
        token=token,
        summary=views.summary(uow, booking),
        problem=problem,
        days=days,
        first=first,
        earlier=earlier,
        later=later,
    )
