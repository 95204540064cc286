"""The booking pages' blueprint, and how their links open a booking.

The link is the proof of who may change a booking and, since nobody else knows it, of where a form
comes from. What may no longer be changed leads to the booking's own page.
"""

from __future__ import annotations

from zoneinfo import ZoneInfo

from flask import Blueprint, Response, request
from werkzeug.wrappers import Response as Redirect

from bridge import languages
from bridge.context import here
from bridge.pages.answers import answer, onward
from bridge.pages.booking import views
from bridge.pages.booking.forms import TRAP, Problem
from bridge.pages.booking.steps import way
from crm.bookings import proofs, queries
from crm.bookings.models import Booking
from crm.bookings.rules import BookingStatus
from crm.core.errors import Conflict, NotFound
from crm.core.events import Actor
from crm.core.uow import UnitOfWork
from crm.locations.models import Location

blueprint = Blueprint("booking", __name__)

GUEST = Actor("customer", "guest")
TOKEN = "<string(maxlength=200):token>"


class NotADraft(Conflict):
    """The form belongs to a step that this booking has left behind."""

    code = "not-a-draft"


def opened(uow: UnitOfWork, token: str, *, for_update: bool = False) -> Booking:
    """Raises NotFound for a link that is forged, damaged or expired."""
    booking_id = here().shop.links.read_booking(token, uow.now)
    if booking_id is None:
        raise NotFound("no such booking", code="no-such-link")
    found = queries.by_id(uow, booking_id, for_update=for_update)
    languages.speak(found.locale)
    return found


def draft(uow: UnitOfWork, token: str, *, for_update: bool = False) -> Booking:
    """Raises NotFound, NotADraft."""
    booking = opened(uow, token, for_update=for_update)
    if booking.status != BookingStatus.DRAFT:
        raise NotADraft("this booking is no draft any more")
    return booking


def zone_of(uow: UnitOfWork, booking: Booking) -> ZoneInfo:
    return ZoneInfo(uow.session.get_one(Location, booking.location_id).timezone)


def token_of(booking: Booking) -> str:
    return here().shop.links.booking_token(booking.id, booking.created_at)


def code_channels() -> tuple[str, ...]:
    """Where a code can be delivered with the settings of this shop."""
    settings = here().settings
    sends_sms = settings.twilio is not None and settings.twilio.sms_from is not None
    offered = ((proofs.EMAIL, settings.mail is not None), (proofs.PHONE, sends_sms))
    return tuple(channel for channel, is_on in offered if is_on)


def after_step(uow: UnitOfWork, booking: Booking, name: str) -> str:
    """The endpoint of the step that follows."""
    return f"booking.{way(uow, booking, name).after}"


def step_page(
    uow: UnitOfWork, booking: Booking | None, name: str, problem: Problem | None, **values: object
) -> Response:
    """One step with what was chosen so far beside it."""
    step = way(uow, booking, name)
    return answer(
        f"pages/book_{name}.html",
        problem.status if problem else 200,
        is_private=booking is not None,
        step=step,
        problem=problem,
        trap=TRAP,
        typed=request.form,
        token=token_of(booking) if booking else None,
        summary=views.summary(uow, booking) if booking else None,
        **values,
    )


@blueprint.errorhandler(NotFound)
def closed(error: NotFound) -> Response:
    """Forged, damaged and expired links, and devices that are not there: all the same."""
    return answer("pages/no_booking.html", 404, is_private=True)


@blueprint.errorhandler(NotADraft)
def moved_on(error: NotADraft) -> Redirect:
    """Another tab, or the same form twice: the booking itself says how it stands."""
    token = (request.view_args or {})["token"]
    return onward("booking.show", token=token)
